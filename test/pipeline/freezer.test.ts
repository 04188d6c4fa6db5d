import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gitSource } from '../../src/adapters/source/git/git-source.ts';
import { prepareSource } from '../../src/cli/send-source.ts';
import { loadAppSpec } from '../../src/config/load.ts';
import type { AppName, EnvironmentName } from '../../src/domain/values.ts';
import { createFreezer } from '../../src/pipeline/freezer.ts';
import { testEnvironment, testRepository } from '../adapters/source-git-repository.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sb-freezer-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What a plan of these files would point out: sent as a real bundle, read from the commit. */
async function notesOf(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const app = 'shop' as AppName;
  const repository = testRepository(folder);
  repository.commit(files);
  const source = gitSource({ folder: join(folder, 'sources'), searchPath: testEnvironment().PATH ?? '' });
  const prepared = await prepareSource({ folder: repository.folder, environment: testEnvironment() });
  try {
    await source.receive(app, { file: prepared.bundle, ref: prepared.ref });
    const freezer = createFreezer({
      source,
      builder: { has: () => Promise.resolve(false) },
      loadSpec: async (reader) => {
        const { spec, findings } = await loadAppSpec(reader);
        return { spec, notes: findings.filter(({ kind }) => kind === 'note').map(({ text }) => text) };
      },
      versions: (programs) => Promise.resolve(Object.fromEntries(programs.map((name) => [name, '1']))),
    });
    const environment = 'production' as EnvironmentName;
    return (await freezer.freeze({ app, environment, sha: prepared.sha, folder: '.', folderName: 'shop' })).notes;
  } finally {
    await prepared.dispose();
  }
}

const twoServices = (route: string): Readonly<Record<string, string>> => ({
  'signalbox.yaml': `app: shop
services:
  web: { path: web, run: node server.js, route: / }
  api: { path: api, run: node server.js, route: ${route} }
`,
  'web/server.js': '',
  'api/server.js': '',
});

describe('what a plan points out', () => {
  test('a route of one service that takes requests away from another on the same host', async () => {
    const notes = await notesOf(twoServices('/api'));
    expect(notes).toEqual(['shop.localhost/api goes to api; anything web serves below /api is not reachable']);
  });

  test('no routes that merely begin alike or lie on different hosts', async () => {
    const file = `app: shop
services:
  web: { path: web, run: node server.js, route: /app }
  more: { path: web, run: node server.js, route: /appointments }
  api: { path: api, run: node server.js, route: { host: api.localhost, path: /app/x } }
`;
    expect(await notesOf({ ...twoServices('/'), 'signalbox.yaml': file })).toEqual([]);
  });

  test('that every change of the repository builds a service anew, with the file that led there', async () => {
    const notes = await notesOf({
      'signalbox.yaml': 'app: shop\nservices:\n  web: { path: web, build: npm ci, run: node server.js, route: / }\n',
      'web/server.js': "require('../shared/names');\n",
      'shared/names.js': '',
    });
    expect(notes).toEqual([
      'every change of the repository builds web anew: web/server.js names ../shared/names. `inputs` of web say what belongs to it beside its folder',
    ]);
  });

  test('a database file in the folder of the code, which no release would find again', async () => {
    const notes = await notesOf({
      'package.json': '{"scripts":{"start":"node server.js"}}',
      'server.js': "const db = new Database('shop.db');\nhttp.createServer(f).listen(process.env.PORT);\n",
    });
    expect(notes.join('\n')).toContain('the database file shop.db is in the folder of the code');
  });

  test('a fixed port, and that healthy will only mean that it answers', async () => {
    const notes = await notesOf({
      'package.json': '{"scripts":{"start":"node server.js"}}',
      'server.js': 'http.createServer(f).listen(3000);\n',
    });
    expect(notes.join('\n')).toContain('the port 3000 seems to be fixed in the source');
    expect(notes.join('\n')).toContain('no health route was found; healthy means that the port answers');
  });
});

describe('a variable that a service requires', () => {
  const fileWith = (more: string): Readonly<Record<string, string>> => ({
    'signalbox.yaml': `app: shop
services:
  web:
    run: node server.js
    route: /
    requires: [STRIPE_KEY, PORT]
${more}`,
    'server.js': '',
  });
  test('has to have a value, else nothing is frozen; the place is named', async () => {
    await expect(notesOf(fileWith(''))).rejects.toMatchObject({
      code: 'VARIABLE_MISSING',
      message: 'In production variables are missing: web needs STRIPE_KEY (signalbox.yaml:6:16).',
    });
    await expect(notesOf(fileWith("    env: { STRIPE_KEY: '' }\n"))).rejects.toMatchObject({ code: 'VARIABLE_MISSING' });
  });
  test.each([
    ['by the service', '    env: { STRIPE_KEY: sk_live }\n'],
    ['by the environment', 'environments:\n  production: { env: { STRIPE_KEY: sk_live } }\n'],
  ])('may be given %s', async (_by, more) => {
    await expect(notesOf(fileWith(more))).resolves.toBeDefined();
  });
});
