import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type GithubActionsAnswers, githubActionsFiles } from '../../src/blueprints/github-actions/files.ts';
import { inputOf, packageJson } from './repositories.ts';

interface Step {
  readonly name?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The scripts of the job that ships, as they stand in the file. */
async function scripts(answers: GithubActionsAnswers): Promise<readonly Step[]> {
  const input = await inputOf({
    'package.json': packageJson({ scripts: { start: 'node a.js' } }),
    'a.js': '',
    'signalbox.yaml': 'app: shop\nservices: { web: { run: npm start, route: / } }',
  });
  const text = githubActionsFiles(input, answers).at(-1)?.text ?? '';
  const { jobs } = parse(text) as { jobs: { ship: { steps: Step[] } } };
  return jobs.ship.steps.filter(({ run }) => run !== undefined);
}

let place: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'sb-ship-'));
  await mkdir(join(place, 'bin'));
});
afterEach(() => rm(place, { recursive: true, force: true }));

async function program(name: string, text: string): Promise<void> {
  await writeFile(join(place, 'bin', name), `#!/bin/bash\n${text}\n`);
  await chmod(join(place, 'bin', name), 0o755);
}

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** Runs a script as GitHub does: `bash --noprofile --norc -eo pipefail`, in a clean environment. */
async function bash(run: string, env: Readonly<Record<string, string>>): Promise<Ended> {
  await writeFile(join(place, 'step.sh'), run);
  const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', join(place, 'step.sh')], {
    cwd: place,
    env: {
      PATH: `${join(place, 'bin')}:${process.env['PATH'] ?? ''}`,
      HOME: place,
      GITHUB_OUTPUT: join(place, 'output'),
      GITHUB_STEP_SUMMARY: join(place, 'summary'),
      GITHUB_RUN_ID: '42',
      CALLS: join(place, 'calls'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

const lines = async (file: string): Promise<string[]> =>
  (await readFile(join(place, file), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

const sha = 'a'.repeat(40);
const settings = {
  AWS_REGION: 'eu-central-1',
  ECS_CLUSTER: 'live',
  SERVICE: 'shop-web',
  CONTAINER: 'web',
  REPOSITORY: 'shop-web',
  TAG: sha,
  AGAIN: 'false',
  IMAGE: `registry/shop-web:${sha}`,
  RELEASE: 'node migrate.js "a b"',
  RELEASE_SECONDS: '60',
  DISTRIBUTION: 'E1',
};

/** An AWS that answers as it is told, and writes down what it was asked. */
const aws = `printf '%s\\n' "$*" >> "$CALLS"
case "$1 $2 $*" in
  "ecr describe-images"*) echo "\${IMAGE_FOUND:-An error occurred (ImageNotFoundException)}" >&2; [[ -n $IMAGE_THERE ]];;
  "ecs describe-services"*networkConfiguration*) echo '{"awsvpcConfiguration":{"subnets":["s"]}}';;
  "ecs describe-services"*events*) echo "task failed its health check";;
  "ecs describe-services"*PRIMARY*) echo "\${SERVING:-arn:task/shop:8}";;
  "ecs describe-services"*) echo "\${CURRENT:-arn:task/shop:7}";;
  "ecs describe-task-definition"*) echo '{"family":"shop","revision":7,"status":"ACTIVE","containerDefinitions":[{"name":"web","image":"old"},{"name":"log","image":"log:1"}]}';;
  "ecs register-task-definition"*) cp next.json registered.json; echo arn:task/shop:8;;
  "ecs run-task"*) printf '%s\\n' "\${STARTED:-{\\"tasks\\":[{\\"taskArn\\":\\"arn:task/1\\"\\}]\\}}" | sed 's/\\\\//g';;
  "ecs describe-tasks"*lastStatus*) echo "\${LAST_STATUS:-STOPPED}";;
  "ecs describe-tasks"*) echo "{\\"tasks\\":[{\\"stoppedReason\\":\\"Essential container exited\\",\\"containers\\":[{\\"name\\":\\"log\\",\\"exitCode\\":137},{\\"name\\":\\"web\\",\\"exitCode\\":\${EXIT_CODE:-0}}]}]}";;
  "ecs wait"*) exit \${WAIT_CODE:-0};;
  "cloudfront create-invalidation"*) echo I1;;
esac`;

/** The steps one after the other until one fails; outputs of one are variables of the next. */
async function ship(
  given: Readonly<Record<string, string>> = {},
  from = 'Check the settings',
): Promise<Ended & { readonly at: string; readonly calls: string[] }> {
  await program('aws', aws);
  const steps = await scripts({ target: 'aws', credentials: 'oidc' });
  let last: Ended = { code: 0, said: '' };
  let at = '';
  let outputs: Record<string, string> = {};
  for (const { name = '', run = '' } of steps.slice(steps.findIndex((step) => step.name === from))) {
    at = name;
    last = await bash(run, { ...settings, ...outputs, ...given });
    outputs = Object.fromEntries(
      (await lines('output')).map((line) => [line.split('=')[0]?.toUpperCase() ?? '', line.split('=')[1] ?? '']),
    );
    if (last.code !== 0) break;
  }
  return { ...last, at, calls: (await lines('calls')).map((line) => line.split(' ').slice(0, 2).join(' ')) };
}

const jq = spawnSync('jq', ['--version']).status === 0 ? null : 'jq is not installed: apt-get install jq';

describe('the steps that ship to ECS', () => {
  beforeEach((context) => {
    if (jq !== null) context.skip(jq);
  });

  it('register the image by its commit, migrate, ship, wait, and tell the CDN, in this order', async () => {
    const { code, calls } = await ship();
    expect(code).toBe(0);
    expect(calls.filter((call) => !/describe/.test(call))).toEqual([
      'ecs register-task-definition',
      'ecs run-task',
      'ecs update-service',
      'ecs wait',
      'cloudfront create-invalidation',
      'cloudfront wait',
    ]);
    expect(JSON.parse(await readFile(join(place, 'registered.json'), 'utf8'))).toEqual({
      family: 'shop',
      containerDefinitions: [
        { name: 'web', image: `registry/shop-web:${sha}` },
        { name: 'log', image: 'log:1' },
      ],
    });
    const migrated = (await lines('calls')).find((call) => call.startsWith('ecs run-task')) ?? '';
    expect(migrated).toContain('"command":["/bin/sh","-c","node migrate.js \\"a b\\""]');
    expect(migrated).toContain('--task-definition arn:task/shop:8');
    expect(await lines('summary')).toEqual([`**shop-web** serves \`${sha.slice(0, 12)}\`. `]);
  });

  it.each([
    ['ends with another code than 0', { EXIT_CODE: '3' }, 'ended with 3;'],
    ['never came to run', { EXIT_CODE: 'null' }, 'ended with no exit code;'],
    ['cannot be started', { STARTED: '{"tasks":[],"failures":[{"reason":"RESOURCE:MEMORY"}]}' }, 'was not started'],
  ])('ship nothing when the release command %s', async (_, given, reason) => {
    const { code, at, said, calls } = await ship(given);
    expect([code, at]).toEqual([1, 'Run the release command']);
    expect(said).toContain(reason);
    expect(calls).not.toContain('ecs update-service');
  });

  it('stop a release command that takes too long, and ship nothing', async () => {
    const { code, said, calls } = await ship({ LAST_STATUS: 'RUNNING', RELEASE_SECONDS: '1' });
    expect([code, calls.at(-1)]).toEqual([1, 'ecs stop-task']);
    expect(said).toContain('took longer than 1 s');
  });

  it('fail when ECS has gone back to the old version, although that is stable', async () => {
    const { code, at, said, calls } = await ship({ SERVING: 'arn:task/shop:7' });
    expect([code, at]).toEqual([1, 'Wait until it is stable']);
    expect(said).toContain('has gone back to shop:7');
    expect(said).toContain('task failed its health check');
    expect(calls).not.toContain('cloudfront create-invalidation');
  });

  it('fail when it never becomes stable', async () => {
    const { code, said } = await ship({ WAIT_CODE: '255' });
    expect([code, said]).toEqual([1, expect.stringContaining('did not become stable within 20 minutes')]);
  });

  it('build no image that is there already', async () => {
    await ship({ IMAGE_THERE: 'yes' });
    expect(await lines('output')).toContain('present=true');
  });

  it('take only "there is none" for none: a registry that refuses is not asked to keep anything', async () => {
    const { code, at, said } = await ship({ IMAGE_FOUND: 'An error occurred (AccessDeniedException)' });
    expect([code, at]).toEqual([1, 'Look whether the image is there already']);
    expect(said).toContain('AccessDenied');
    expect(await lines('output')).toEqual([]);
  });

  it('go back only to an image that is there', async () => {
    const { code, said } = await ship({ AGAIN: 'true' });
    expect([code, said]).toEqual([1, expect.stringContaining('There is no image')]);
  });

  it.each(['abc1234', `${sha}\n`, '$(touch owned)', '"; touch owned; "', `${sha} --force`])(
    'refuse %j for a commit, and run nothing of it',
    async (TAG) => {
      const { code, at, calls } = await ship({ TAG });
      expect([code, at, calls]).toEqual([1, 'Check the settings', []]);
      expect(spawnSync('ls', [join(place, 'owned')]).status).not.toBe(0);
    },
  );

  it.each([
    ['a missing setting', { ECS_CLUSTER: '' }, 'The variable ECS_CLUSTER is not set'],
    ['a service that is not there', { CURRENT: 'None' }, 'There is no service shop-web in the cluster live'],
    ['a container that is not there', { CONTAINER: 'api' }, 'has no container api'],
  ])('name %s', async (_, given, reason) => {
    const { code, said } = await ship(given);
    expect([code, said]).toEqual([1, expect.stringContaining(reason)]);
  });
});

describe('the step that ships by a Signalbox', () => {
  let server: Server;
  let seen: string[];
  const token = 'sb_secret "token" $HOME';
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  /** git over HTTP to a real repository, for those who know the token. */
  async function serve(hook: string): Promise<string> {
    seen = [];
    const repository = join(place, 'git', 'shop.git');
    spawnSync('git', ['init', '--quiet', '--bare', repository]);
    spawnSync('git', ['-C', repository, 'config', 'http.receivepack', 'true']);
    await writeFile(join(repository, 'hooks', 'pre-receive'), `#!/bin/sh\n${hook}\n`, { mode: 0o755 });
    server = createServer((request, response) => {
      const [, encoded = ''] = (request.headers.authorization ?? '').split(' ');
      const login = Buffer.from(encoded, 'base64').toString();
      seen.push(login);
      if (login !== `github:${token}`) return response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      const url = new URL(request.url ?? '', 'http://x');
      const cgi = spawn('git', ['http-backend'], {
        env: {
          PATH: process.env['PATH'] ?? '',
          GIT_PROJECT_ROOT: place,
          GIT_HTTP_EXPORT_ALL: '1',
          PATH_INFO: url.pathname,
          QUERY_STRING: url.search.slice(1),
          REQUEST_METHOD: request.method ?? '',
          CONTENT_TYPE: request.headers['content-type'] ?? '',
          REMOTE_USER: 'github',
        },
      });
      request.pipe(cgi.stdin);
      const chunks: Buffer[] = [];
      cgi.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
      cgi.on('close', () => {
        const all = Buffer.concat(chunks);
        const end = all.indexOf('\r\n\r\n');
        for (const line of all.subarray(0, end).toString().split('\r\n')) {
          const [name = '', value = ''] = line.split(': ');
          if (name !== 'Status') response.setHeader(name, value);
        }
        response.end(all.subarray(end + 4));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  async function push(url: string, given: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const git = (...words: string[]): string =>
      spawnSync('git', ['-C', place, '-c', 'user.name=A', '-c', 'user.email=a@example.com', ...words], { encoding: 'utf8' })
        .stdout;
    git('init', '--quiet');
    git('commit', '--quiet', '--allow-empty', '-m', 'One');
    const real = spawnSync('which', ['git'], { encoding: 'utf8' }).stdout.trim();
    await program('git', `printf '%s\\n' "$*" >> "$CALLS"\nexec ${real} "$@"`);
    const [step] = await scripts({ target: 'signalbox', credentials: 'oidc' });
    return bash(step?.run ?? 'false', {
      ...step?.env,
      SIGNALBOX_URL: url,
      SIGNALBOX_TOKEN: token,
      GITHUB_SHA: git('rev-parse', 'HEAD').trim(),
      ...given,
    });
  }

  it('pushes the commit with the token, which stands in no argument and no file', async () => {
    const url = await serve('exit 0');
    const { code, said } = await push(url);
    expect([code, said]).toEqual([0, expect.stringContaining('-> main')]);
    expect(seen).toContain(`github:${token}`);
    expect((await lines('calls')).join('\n')).not.toContain('sb_secret');
    expect(spawnSync('grep', ['-rl', 'sb_secret', join(place, '.git')]).stdout.toString()).toBe('');
    expect(said).not.toContain('sb_secret');
  });

  it('fails when the release does not go live, with the reason', async () => {
    const { code, said } = await push(await serve('echo "deploy failed: the health check"; exit 1'));
    expect(code).not.toBe(0);
    expect(said).toContain('deploy failed: the health check');
  });

  it('fails, and asks nobody, when the token is wrong', async () => {
    const { code, said } = await push(await serve('exit 0'), { SIGNALBOX_TOKEN: 'wrong' });
    expect([code === 0, said]).toEqual([false, expect.stringContaining('Authentication failed')]);
  });

  it.each(['SIGNALBOX_URL', 'SIGNALBOX_TOKEN'])('names %s when it is not set', async (name) => {
    const { code, said } = await push(await serve('exit 0'), { [name]: '' });
    expect([code, said]).toEqual([1, expect.stringContaining(`The secret ${name} is not set`)]);
  });
});
