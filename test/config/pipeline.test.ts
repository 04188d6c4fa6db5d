import { describe, expect, test } from 'vitest';
import { detectSteps } from '../../src/config/detect/steps.ts';
import { loadAppSpec } from '../../src/config/load.ts';
import { millis } from '../../src/domain/values.ts';
import { memoryReader } from './memory-reader.ts';

const load = async (files: Readonly<Record<string, string>>) => (await loadAppSpec(memoryReader(files))).spec;
const two = `
app: shop
services:
  web: { path: web, build: npm ci, run: npm start, route: / }
  api: { path: api, build: npm ci, run: node server.js, route: /api }
`;
const folders = { 'web/server.js': '', 'api/server.js': '' };

describe('the steps of a pipeline', () => {
  test('are read with every default filled in', async () => {
    const spec = await load({
      ...folders,
      'signalbox.yaml': `${two}
pipeline:
  timeout: 20m
  steps:
    unit: { run: npm test, service: api, env: { TZ: UTC, LEVEL: 3 }, retries: 1 }
    pages: { run: npm run e2e, service: web, needs: [unit], timeout: 90s, optional: true }
`,
    });
    expect(spec.pipeline).toEqual({
      timeout: millis(1_200_000),
      steps: [
        {
          name: 'unit',
          run: 'npm test',
          service: 'api',
          needs: [],
          env: { TZ: 'UTC', LEVEL: '3' },
          timeout: millis(900_000),
          retries: 1,
          optional: false,
        },
        {
          name: 'pages',
          run: 'npm run e2e',
          service: 'web',
          needs: ['unit'],
          env: {},
          timeout: millis(90_000),
          retries: 0,
          optional: true,
        },
      ],
    });
  });

  test.each([
    ['unit: npm test', 'say whose build it runs in: service: web or api'],
    ['unit: { run: npm test, service: wep }', 'wep is no service'],
    ['unit: { run: npm test, service: web, needs: [lint] }', 'unit needs lint, which is no step'],
    ['unit: { run: npm test, service: web, needs: [unit] }', 'unit needs itself, by way of unit'],
    ['unit: { run: npm test, service: web, retries: 9 }', 'a whole number from 0 to 5'],
    ['unit: { run: npm test, service: web, timeout: 2 days }', 'a duration with its unit'],
    ["unit: { run: ' ', service: web }", 'a shell command'],
  ])('%s is refused with its place', async (line, message) => {
    const text = `${two}pipeline:\n  steps:\n    ${line}\n`;
    await expect(load({ ...folders, 'signalbox.yaml': text })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(new RegExp(`signalbox\\.yaml:8:\\d+[\\s\\S]*${message}`)),
    });
  });
});

describe('the steps of an app that declares none', () => {
  const steps = async (files: Readonly<Record<string, string>>) => {
    const reader = memoryReader(files);
    const { spec } = await loadAppSpec(reader);
    return (await detectSteps(reader, spec)).map(({ name, run, service }) => `${name} in ${service}: ${run}`);
  };
  const manifest = (scripts: Readonly<Record<string, string>>, more = {}): string =>
    JSON.stringify({ name: 'x', scripts, ...more });

  test('are the lint and test scripts of each service, by its package manager', async () => {
    const files = {
      'signalbox.yaml': two,
      'web/package.json': manifest({ lint: 'next lint', test: 'vitest' }),
      'web/pnpm-lock.yaml': '',
      'api/package.json': manifest({ test: 'node --test' }),
    };
    expect(await steps(files)).toEqual([
      'lint-web in web: pnpm run lint',
      'test-web in web: pnpm run test -- --run',
      'test-api in api: npm run test',
    ]);
  });

  test('are none for a script that npm made up, and one for services of one folder', async () => {
    const shared = 'app: shop\nservices:\n  web: { run: node server.js, route: / }\n  mailer: { run: node mailer.js }\n';
    const made = manifest({ test: 'echo "Error: no test specified" && exit 1' });
    expect(await steps({ 'signalbox.yaml': shared, 'package.json': made })).toEqual([]);
    expect(await steps({ 'signalbox.yaml': shared, 'package.json': manifest({ test: 'node --test' }) })).toEqual([
      'test in web: npm run test',
    ]);
  });

  test('are pytest where the repository asks for it and has tests', async () => {
    const one = 'app: shop\nservices:\n  web: { build: pip install -r requirements.txt, run: python3 app.py, route: / }\n';
    const files = { 'signalbox.yaml': one, 'app.py': '', 'requirements.txt': 'flask\npytest\n' };
    expect(await steps(files)).toEqual([]);
    expect(await steps({ ...files, 'tests/test_app.py': '' })).toEqual([
      'test in web: PATH="$PWD/.venv/bin:$PATH" exec python3 -m pytest -q',
    ]);
  });
});
