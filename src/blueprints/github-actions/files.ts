import { SignalboxError } from '../../domain/errors.ts';
import { free } from '../compose/services.ts';
import type { GeneratedFile } from '../generated.ts';
import type { PackedService } from '../image-files.ts';
import type { BlueprintInput } from '../input.ts';
import { action, runner } from './actions.ts';
import { awsPermissions, type Credentials, invalidateStep, keyNames, shipToEcs, signIn, summaryStep } from './ecs.ts';
import { pushToSignalbox, syncSite } from './ecs-scripts.ts';
import { type ServiceGroup, serviceGroups } from './groups.ts';
import { testJob } from './test-job.ts';
import { expression, type Job, literal, workflowText } from './yaml.ts';

export interface GithubActionsAnswers {
  /** Where main is shipped to. Default aws. */
  readonly target: 'aws' | 'signalbox';
  /** How the jobs sign in to AWS. Default oidc. */
  readonly credentials: Credentials;
}

const folder = '.github/workflows';

/**
 * A workflow for the services of each folder, and the one that they share. Pull requests are tested; what is on main is tested, then
 * shipped.
 * @throws WRONG_USAGE when all images are made elsewhere
 */
export function githubActionsFiles(input: BlueprintInput, answers: GithubActionsAnswers): GeneratedFile[] {
  const groups = serviceGroups(input);
  if (groups.length === 0)
    throw new SignalboxError('WRONG_USAGE', 'No service has its source here, so there is nothing to test or build.');
  return answers.target === 'aws' ? forAws(groups, input, answers.credentials) : forSignalbox(groups, input);
}

const file = (name: string): string => `${folder}/${name}.yml`;

const concurrency = {
  group: `${expression('github.workflow')}-${expression('github.ref')}`,
  'cancel-in-progress': expression("github.event_name == 'pull_request'"),
};

const says = (group: ServiceGroup): string[] => {
  const names = group.packed.map(({ service }) => service.name);
  return [`${names.join(', ')}: pull requests are tested; what is on main is tested, then shipped.`];
};

const filtered = (group: ServiceGroup, ...also: string[]): Readonly<Record<string, unknown>> =>
  group.paths === undefined ? {} : { paths: [...group.paths, file(group.name), ...also] };

function forAws(groups: readonly ServiceGroup[], input: BlueprintInput, credentials: Credentials): GeneratedFile[] {
  const shared = free('ship-to-ecs', input.spec);
  const images = groups.some(({ packed }) => packed.some((one) => !('folder' in one)));
  return [
    ...groups.map((group) => {
      const { job, notes } = testJob(group, input);
      const filter = filtered(group, ...(group.packed.some((one) => !('folder' in one)) ? [file(shared)] : []));
      const text = workflowText(
        {
          name: group.name,
          on: {
            pull_request: filter,
            push: { branches: ['main'], ...filter },
            workflow_dispatch: {
              inputs: {
                sha: { description: 'Commit to ship again, to go back; empty: the newest one, tested first', type: 'string' },
              },
            },
          },
          permissions: { contents: 'read' },
          concurrency,
          jobs: { test: { if: "inputs.sha == ''", ...job }, ...shipJobs(group, { input, credentials, shared }) },
        },
        [
          ...says(group),
          'To go back: Actions, this workflow, Run workflow, with the full commit that was shipped before.',
          ...siteNotes(group, credentials),
          ...notes,
        ],
      );
      return { path: file(group.name), text };
    }),
    ...(images ? [{ path: file(shared), text: shipToEcs(credentials) }] : []),
  ];
}

const siteNotes = (group: ServiceGroup, credentials: Credentials): string[] =>
  group.packed.some((one) => 'folder' in one)
    ? [
        `The files lie in a bucket. Settings, Secrets and variables, Actions, Variables: AWS_REGION, ${credentials === 'oidc' ? 'AWS_ROLE_ARN, ' : ''}SITE_BUCKET; APP_URL and`,
        'CLOUDFRONT_DISTRIBUTION_ID where there are any. Who signs in may s3:ListBucket, GetObject, PutObject, DeleteObject on that bucket,',
        'and cloudfront:CreateInvalidation, GetInvalidation.',
        ...(credentials === 'oidc'
          ? [
              'The role trusts token.actions.githubusercontent.com for sts.amazonaws.com under the condition',
              '"token.actions.githubusercontent.com:sub" = "repo:OWNER/REPOSITORY:environment:production".',
            ]
          : ['Secrets: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.']),
      ]
    : [];

interface AwsContext {
  readonly input: BlueprintInput;
  readonly credentials: Credentials;
  readonly shared: string;
}

/** One after the other: migrations of the first are done when the others start. */
function shipJobs(group: ServiceGroup, context: AwsContext): Record<string, Job> {
  const alone = group.packed.length === 1;
  const jobs: Record<string, Job> = {};
  let before: string | undefined;
  for (const one of group.packed) {
    const name = alone ? 'ship' : `ship-${one.service.name}`;
    jobs[name] = shipJob(one, before, context);
    before = name;
  }
  return jobs;
}

function shipJob(one: PackedService, before: string | undefined, context: AwsContext): Job {
  const { input, credentials, shared } = context;
  const { service } = one;
  const after = before === undefined ? [] : [before];
  const conditions = [
    '!cancelled()',
    "github.ref == 'refs/heads/main'",
    "github.event_name != 'pull_request'",
    "(needs.test.result == 'success' || inputs.sha != '')",
    ...after.map((job) => `needs.${job}.result == 'success'`),
  ];
  const head = { needs: ['test', ...after], if: expression(conditions.join(' && ')), permissions: awsPermissions(credentials) };
  if ('folder' in one) return siteJob(one, head, credentials);
  if ('image' in one) return {};
  const {
    context: sent,
    dockerfile,
    target,
  } = 'own' in one ? one.own : { context: one.facts.context, dockerfile: one.dockerfile, target: undefined };
  const name = `${input.spec.app}-${service.name}`;
  const { release } = service;
  return {
    ...head,
    uses: `./${file(shared)}`,
    with: {
      service: name,
      container: service.name,
      repository: name,
      context: literal(sent),
      dockerfile: literal(dockerfile),
      ...(target === undefined ? {} : { target: literal(target) }),
      ...(release === undefined ? {} : { release: literal(release.run), 'release-seconds': Math.ceil(release.timeout / 1000) }),
      ...(isFrontend(one) ? { frontend: true } : {}),
      sha: expression('inputs.sha'),
    },
    ...(credentials === 'oidc'
      ? {}
      : { secrets: Object.fromEntries(keyNames.map((key) => [key, expression(`secrets.${key}`)])) }),
  };
}

/** What people see first: its pages may lie in a CDN. */
const isFrontend = ({ service }: PackedService): boolean =>
  service.kind === 'static' || service.routes.some(({ path }) => path === '/');

/** Files as they are need no container. */
const siteJob = (one: PackedService & { readonly folder: string }, head: Job, credentials: Credentials): Job => ({
  ...head,
  'runs-on': runner,
  'timeout-minutes': 20,
  environment: { name: 'production', url: expression('vars.APP_URL') },
  concurrency: { group: `ship-${one.service.name}`, 'cancel-in-progress': false },
  defaults: { run: { shell: 'bash' } },
  env: { TAG: expression('inputs.sha || github.sha') },
  steps: [
    {
      uses: action('actions/checkout'),
      with: { ref: expression('inputs.sha || github.sha'), 'persist-credentials': false },
    },
    signIn(credentials),
    {
      name: 'Send the files to the bucket',
      env: { FOLDER: literal(one.folder), BUCKET: expression('vars.SITE_BUCKET') },
      run: syncSite,
    },
    invalidateStep("vars.CLOUDFRONT_DISTRIBUTION_ID != ''"),
    summaryStep(one.service.name),
  ],
});

function forSignalbox(groups: readonly ServiceGroup[], input: BlueprintInput): GeneratedFile[] {
  const shared = free('ship', input.spec);
  const tests = groups.map((group) => {
    const { job, notes } = testJob(group, input);
    const text = workflowText(
      {
        name: group.name,
        on: { pull_request: filtered(group), workflow_call: {} },
        permissions: { contents: 'read' },
        jobs: { test: { concurrency: testing(group), ...job } },
      },
      [
        `${group.packed.map(({ service }) => service.name).join(', ')}: tested for pull requests, and by ${shared}.yml before anything is shipped.`,
        ...notes,
      ],
    );
    return { path: file(group.name), text };
  });
  const ship = workflowText(
    {
      name: 'Ship',
      on: { push: { branches: ['main'] }, workflow_dispatch: {} },
      permissions: { contents: 'read' },
      concurrency: { group: 'ship', 'cancel-in-progress': false },
      jobs: {
        ...Object.fromEntries(groups.map(({ name }) => [`test-${name}`, { uses: `./${file(name)}` }])),
        ship: {
          needs: groups.map(({ name }) => `test-${name}`),
          if: "github.ref == 'refs/heads/main'",
          'runs-on': runner,
          'timeout-minutes': 60,
          environment: { name: 'production', url: expression('vars.APP_URL') },
          defaults: { run: { shell: 'bash' } },
          steps: [
            { uses: action('actions/checkout'), with: { 'fetch-depth': 0, 'persist-credentials': false } },
            {
              name: 'Push, and wait until it is live',
              env: {
                APP: input.spec.app,
                GIT_TERMINAL_PROMPT: '0',
                SIGNALBOX_URL: expression('secrets.SIGNALBOX_URL'),
                SIGNALBOX_TOKEN: expression('secrets.SIGNALBOX_TOKEN'),
              },
              run: pushToSignalbox,
            },
          ],
        },
      },
    },
    [
      'What is on main is tested, then pushed to a Signalbox, which builds, checks and switches. The push ends when the release is live;',
      'it fails, with the reason, when the release does not get there: then the old one goes on serving.',
      '',
      'To set up, once:',
      '1. Settings, Secrets and variables, Actions, Secrets: SIGNALBOX_URL, where it is reached from the internet (https://…), and',
      '   SIGNALBOX_TOKEN. Variables: APP_URL for the link of the deployment.',
      '2. Settings, Environments, production: main as the only branch, and who has to approve.',
    ],
  );
  return [...tests, { path: file(shared), text: ship }];
}

/** Only pull requests overtake each other: what is tested to be shipped is tested to its end. */
const testing = ({ name }: ServiceGroup): Readonly<Record<string, unknown>> => ({
  group: `test-${name}-${expression('github.event_name')}-${expression('github.ref')}`,
  'cancel-in-progress': expression("github.event_name == 'pull_request'"),
});
