import { action, runner } from './actions.ts';
import {
  checkSettings,
  invalidate,
  lookForImage,
  registerDefinition,
  runRelease,
  updateService,
  waitUntilStable,
} from './ecs-scripts.ts';
import { expression, script, type Step, workflowText } from './yaml.ts';

export type Credentials = 'oidc' | 'secrets';

/** What a job that signs in to AWS may do on GitHub's side. */
export const awsPermissions = (credentials: Credentials): Readonly<Record<string, string>> => ({
  contents: 'read',
  ...(credentials === 'oidc' ? { 'id-token': 'write' } : {}),
});

export const keyNames = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const;

export const signIn = (credentials: Credentials): Step => ({
  name: 'Sign in to AWS',
  uses: action('aws-actions/configure-aws-credentials'),
  with: {
    'aws-region': expression('vars.AWS_REGION'),
    ...(credentials === 'oidc'
      ? { 'role-to-assume': expression('vars.AWS_ROLE_ARN') }
      : Object.fromEntries(keyNames.map((name) => [name.toLowerCase().replaceAll('_', '-'), expression(`secrets.${name}`)]))),
  },
});

const setUp = (credentials: Credentials): string[] => [
  'Ships one service to Amazon ECS; the workflows beside it call it, one for each service.',
  '',
  'To set up, once:',
  ...(credentials === 'oidc'
    ? [
        '1. IAM, identity providers: token.actions.githubusercontent.com with the audience sts.amazonaws.com. A role that trusts it under',
        '   the condition "token.actions.githubusercontent.com:sub" = "repo:OWNER/REPOSITORY:environment:production": no key is kept anywhere.',
      ]
    : [
        '1. IAM: a user for this repository alone, with an access key. Settings, Secrets and variables, Actions, Secrets:',
        '   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY. Exchange the key regularly; without keys: `--credentials oidc`.',
      ]),
  '2. It may: ecr:GetAuthorizationToken; on the repositories ecr:BatchCheckLayerAvailability, BatchGetImage, CompleteLayerUpload,',
  '   DescribeImages, GetDownloadUrlForLayer, InitiateLayerUpload, PutImage, UploadLayerPart; on the cluster ecs:DescribeServices,',
  '   DescribeTasks, RunTask, StopTask, UpdateService; ecs:DescribeTaskDefinition, RegisterTaskDefinition; iam:PassRole on the roles of',
  '   the tasks; cloudfront:CreateInvalidation, GetInvalidation.',
  `3. Settings, Secrets and variables, Actions, Variables: AWS_REGION, ${credentials === 'oidc' ? 'AWS_ROLE_ARN, ' : ''}ECS_CLUSTER; APP_URL for the link of the`,
  '   deployment; CLOUDFRONT_DISTRIBUTION_ID where a CDN stands before the pages.',
  '4. Settings, Environments, production: main as the only branch, and who has to approve.',
  '5. The ECS service, its container and the ECR repository have to be there; their names stand in the workflow of each service.',
];

const text = (description: string, preset?: string): Readonly<Record<string, unknown>> => ({
  description,
  type: 'string',
  ...(preset === undefined ? { required: true } : { default: preset }),
});

/** The workflow that all services share. */
export function shipToEcs(credentials: Credentials): string {
  const input = (name: string): string => expression(`inputs.${name}`);
  const release = "inputs.release != '' && inputs.sha == ''";
  return workflowText(
    {
      name: 'Ship to ECS',
      on: {
        workflow_call: {
          inputs: {
            service: text('Name of the ECS service'),
            container: text('Name of the container in its task definition'),
            repository: text('Name of the ECR repository'),
            context: text('Folder that is sent to the builder'),
            dockerfile: text('Path of the Dockerfile'),
            target: text('Stage of the Dockerfile; empty: the last one', ''),
            release: text('Command that has to end well before the new version starts; empty: none', ''),
            'release-seconds': { description: 'How long it may take', type: 'number', default: 300 },
            frontend: { description: 'What a CDN keeps of it is thrown away afterwards', type: 'boolean', default: false },
            sha: text('Commit whose image is shipped again; empty: the one of this run', ''),
          },
          ...(credentials === 'oidc' ? {} : { secrets: Object.fromEntries(keyNames.map((name) => [name, { required: true }])) }),
        },
      },
      permissions: {},
      defaults: { run: { shell: 'bash' } },
      jobs: {
        ship: {
          'runs-on': runner,
          'timeout-minutes': 60,
          permissions: awsPermissions(credentials),
          environment: { name: 'production', url: expression('vars.APP_URL') },
          concurrency: { group: `ship-${input('service')}`, 'cancel-in-progress': false },
          env: {
            AWS_REGION: expression('vars.AWS_REGION'),
            ECS_CLUSTER: expression('vars.ECS_CLUSTER'),
            SERVICE: input('service'),
            CONTAINER: input('container'),
            REPOSITORY: input('repository'),
            TAG: expression('inputs.sha || github.sha'),
          },
          steps: [
            { name: 'Check the settings', run: checkSettings },
            { uses: action('actions/checkout'), with: { 'persist-credentials': false } },
            signIn(credentials),
            { name: 'Sign in to the registry', id: 'registry', uses: action('aws-actions/amazon-ecr-login') },
            {
              name: 'Look whether the image is there already',
              id: 'image',
              env: { AGAIN: expression("inputs.sha != ''") },
              run: lookForImage,
            },
            {
              if: "steps.image.outputs.present == 'false'",
              uses: action('docker/setup-buildx-action'),
            },
            {
              name: 'Build the image and push it by its commit',
              if: "steps.image.outputs.present == 'false'",
              uses: action('docker/build-push-action'),
              with: {
                context: input('context'),
                file: input('dockerfile'),
                target: input('target'),
                push: true,
                provenance: false,
                tags: `${expression('steps.registry.outputs.registry')}/${input('repository')}:${expression('github.sha')}`,
                'cache-from': `type=gha,scope=${input('service')}`,
                'cache-to': `type=gha,mode=max,scope=${input('service')}`,
              },
            },
            {
              name: 'Register the new revision',
              id: 'revision',
              env: {
                IMAGE: `${expression('steps.registry.outputs.registry')}/${input('repository')}:${expression('inputs.sha || github.sha')}`,
              },
              run: registerDefinition,
            },
            {
              name: 'Run the release command',
              if: release,
              env: {
                DEFINITION: expression('steps.revision.outputs.definition'),
                RELEASE: input('release'),
                RELEASE_SECONDS: input('release-seconds'),
              },
              run: runRelease,
            },
            { name: 'Ship', env: { DEFINITION: expression('steps.revision.outputs.definition') }, run: updateService },
            {
              name: 'Wait until it is stable',
              env: { DEFINITION: expression('steps.revision.outputs.definition') },
              run: waitUntilStable,
            },
            invalidateStep("inputs.frontend && vars.CLOUDFRONT_DISTRIBUTION_ID != ''"),
            summaryStep('$SERVICE'),
          ],
        },
      },
    },
    setUp(credentials),
  );
}

export const invalidateStep = (condition: string): Step => ({
  name: 'Throw away what the CDN keeps',
  if: condition,
  env: { DISTRIBUTION: expression('vars.CLOUDFRONT_DISTRIBUTION_ID') },
  run: invalidate,
});

export const summaryStep = (what: string): Step => ({
  name: 'Summary',
  env: { APP_URL: expression('vars.APP_URL') },
  run: script(`echo "**${what}** serves \\\`\${TAG:0:12}\\\`. $APP_URL" >> "$GITHUB_STEP_SUMMARY"`),
});
