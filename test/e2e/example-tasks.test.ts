import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../../bench/kit/processes.ts';
import { checkoutRoot } from '../../bench/load/program.ts';
import { findPostgres, findRedis } from '../../src/adapters/runtime/process/system/programs.ts';
import { losses, noLosses, openSite, type Site } from './kit/site.ts';

const host = 'tasks.localhost';
const missing = missingPrograms();
let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(async () => expect(await site.stop()).toBe(0));

test('tasks: accounts, invitations by mail and tasks, on a database, a cache and a mail catcher that outlive its releases', {
  timeout: 600_000,
}, async (context) => {
  if (missing !== undefined) return context.skip(missing);
  const app = await site.app('tasks');
  const yaml = await readFile(join(checkoutRoot(), 'examples/tasks/signalbox.yaml'), 'utf8');
  expect(yaml).toMatch(/bake: \d+s/);
  await app.commit({ copy: 'examples/tasks', files: { 'signalbox.yaml': yaml.replace(/bake: \d+s/, 'bake: 1s') } });
  expect(await site.installation.deploy(app.folder)).toMatchObject({ phase: 'succeeded', release: 'v1' });

  const ada = await signUp('Ada');
  const { id: organisation } = await ada.ask<{ id: string }>('POST', '/organisations', { name: 'Paper & Thread' });
  const home = `/organisations/${organisation}`;
  const ben = await signUp('Ben');
  await ada.ask('POST', `${home}/invitations`, { email: ben.email });
  await ben.ask('POST', '/invitations/accept', { token: await tokenInMail(ben.email) });
  const task = { title: 'Order paper', assigneeId: (await ben.ask<{ user: { id: string } }>('GET', '/session')).user.id };
  expect(await ada.ask('POST', `${home}/tasks`, task)).toMatchObject({ number: 1, assignee: { name: 'Ben' } });

  // The second release brings a migration and changes both programs of the backend.
  const kept = await processesOf('db', 'cache', 'mail');
  const before = await processesOf('api', 'mailer');
  const main = await readFile(join(app.folder, 'backend/src/health.ts'), 'utf8');
  expect(main).toContain("status: healthy ? 'ok'");
  await app.change({
    'backend/database/003_priority.sql': 'ALTER TABLE tasks ADD COLUMN priority integer NOT NULL DEFAULT 0;\n',
    'backend/src/health.ts': main.replace("status: healthy ? 'ok'", "edition: 'second', status: healthy ? 'ok'"),
  });
  const second = await underLoad('/health', app.folder);
  expect(second).toMatchObject({ phase: 'succeeded', release: 'v2', requests: { dropped: 0 } });
  expect(await site.json(host, '/health')).toMatchObject({ edition: 'second', database: { state: 'up', migrations: 3 } });
  expect(await processesOf('db', 'cache', 'mail')).toEqual(kept);
  await waitFor('the end of the first release’s processes', 60_000, async () =>
    (await processesOf('api', 'mailer')).some((pid) => before.includes(pid)) ? undefined : true,
  );
  expect(await ben.ask('PATCH', `${home}/tasks/1`, { status: 'done' })).toMatchObject({ title: 'Order paper', version: 2 });
  const carl = await signUp('Carl');
  await ada.ask('POST', `${home}/invitations`, { email: carl.email });
  await carl.ask('POST', '/invitations/accept', { token: await tokenInMail(carl.email) });

  // The third changes nothing but the page.
  const running = await processesOf('api', 'mailer', 'db', 'cache', 'mail');
  const page = await readFile(join(app.folder, 'frontend/index.html'), 'utf8');
  await app.change({ 'frontend/index.html': page.replace('Tasks for small teams.', 'Tasks for small teams, second edition.') });
  const third = await underLoad('/', app.folder);
  expect(third).toMatchObject({ phase: 'succeeded', release: 'v3', requests: { dropped: 0 } });
  expect((await site.ask(host, '/')).body).toContain('second edition');
  expect(await processesOf('api', 'mailer', 'db', 'cache', 'mail')).toEqual(running);
  expect(await ada.ask('GET', `${home}/tasks?status=done`)).toMatchObject({ tasks: [{ number: 1 }] });
});

async function underLoad(path: string, folder: string) {
  const visits = await site.visit(host, path);
  const outcome = await site.installation.deploy(folder);
  expect(losses(await visits.stop())).toEqual(noLosses);
  return outcome;
}

/** Main processes and children of these services and accessories, sorted. At least one each. */
async function processesOf(...services: string[]): Promise<number[]> {
  const { instances } = await site.installation.parts();
  return services
    .flatMap((service) => {
      const found = instances.filter((seen) =>
        seen.environment.get('SIGNALBOX_INSTANCE')?.includes(`:tasks-production-${service}-`),
      );
      expect(found.length, service).toBeGreaterThan(0);
      // PostgreSQL has a process for each connection; what must stay is its first.
      return found.toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid).slice(0, 1);
    })
    .map((seen) => seen.pid)
    .toSorted((a, b) => a - b);
}

interface Person {
  readonly email: string;
  ask<Body>(method: string, path: string, body?: unknown): Promise<Body>;
}

/** Somebody with an account; asks as the page would in their name. */
async function signUp(name: string): Promise<Person> {
  const email = `${name.toLowerCase()}@example.org`;
  const answer = await send('POST', '/auth/sign-up', { body: { name, email, password: 'correct horse battery' } });
  const cookie = String(answer.headers['set-cookie']).split(';')[0] ?? '';
  const { csrfToken } = JSON.parse((await send('GET', '/session', { headers: { cookie } })).text) as { csrfToken: string };
  const headers = { cookie, 'x-csrf-token': csrfToken };
  return { email, ask: async (method, path, body) => JSON.parse((await send(method, path, { body, headers })).text) as never };
}

interface Sent {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks the API through the data plane. @throws Error for every answer but 2xx. */
async function send(method: string, path: string, { body, headers }: Sent) {
  const { http: port } = site.installation.addresses();
  return await new Promise<{ headers: Readonly<Record<string, unknown>>; text: string }>((resolve, reject) => {
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path: `/api${path}`,
        method,
        headers: { host, ...json, ...headers },
        agent: false,
        timeout: 20_000,
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          text += chunk;
        });
        answer.on('error', reject);
        answer.on('end', () => {
          if ((answer.statusCode ?? 0) < 300) resolve({ headers: answer.headers, text });
          else reject(new Error(`${method} ${path} answered ${answer.statusCode}: ${text.slice(0, 500)}`));
        });
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`${method} ${path} did not answer within 20 s.`)));
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The token of the invitation that the mail catcher has for this address. */
async function tokenInMail(email: string): Promise<string> {
  const { accessories } = await site.environment('tasks');
  const catcher = accessories.find((one) => one.name === 'mail');
  return await waitFor(`a mail to ${email}`, 30_000, async () => {
    const { messages } = await caught<{ messages: { id: number; to: string[] }[] }>(`http://${catcher?.address}/api/v1/messages`);
    const found = messages.find(({ to }) => to.includes(email));
    if (found === undefined) return undefined;
    const { raw } = await caught<{ raw: string }>(`http://${catcher?.address}/api/v1/messages/${found.id}`);
    return /join#([\w-]{32})/.exec(raw)?.[1];
  });
}

const caught = async <Body>(url: string): Promise<Body> => (await (await fetch(url)).json()) as Body;

function missingPrograms(): string | undefined {
  const path = process.env['PATH'] ?? '';
  if (findPostgres(path).length === 0) return 'needs PostgreSQL: apt-get install postgresql';
  return findRedis(path).length === 0 ? 'needs Redis: apt-get install redis-server' : undefined;
}
