import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  childProcessesOnlyIn,
  environmentOnlyInConfig,
  importDirections,
  noBarrels,
  noCycles,
  noOnly,
  pureDomain,
  type Rooms,
  type Rule,
  shortFiles,
  tellingNames,
} from './architecture/rules.ts';
import { readSources } from './architecture/source.ts';

/** Who may import whom; see docs/decisions for the reasons. */
const rooms: Rooms = {
  domain: [],
  ports: ['types:domain'],
  wire: [],
  engine: ['domain/errors'],
  config: ['domain'],
  'control-plane': ['domain', 'ports'],
  pipeline: ['domain', 'ports', 'control-plane/commands'],
  monitor: ['domain', 'ports', 'control-plane/commands'],
  adapters: ['domain', 'ports', 'wire'],
  // Builds of every kind wait for each other and write the same kind of log (docs/decisions/0013).
  'adapters/builder/docker': ['domain', 'ports', 'wire', 'engine', 'pipeline/shared-builds', 'pipeline/build-log'],
  'adapters/runtime/process': [
    'domain',
    'ports',
    'wire',
    'keeper/protocol',
    'keeper/client',
    'keeper/launch',
    'keeper/sealing',
    'proxy/protocol',
  ],
  'adapters/runtime/docker': [
    'domain',
    'ports',
    'wire',
    'engine',
    'keeper/protocol',
    'keeper/client',
    'keeper/epoch',
    'keeper/lock',
    'keeper/processes',
    'keeper/sealing',
    'keeper/state',
  ],
  'adapters/data-plane/embedded': [
    'domain',
    'ports',
    'wire',
    'keeper/protocol',
    'keeper/client',
    'keeper/launch',
    'proxy/protocol',
  ],
  keeper: ['wire', 'types:domain'],
  'mail-catcher': [],
  // docs/decisions/0016
  certificates: [],
  proxy: ['wire', 'types:domain', 'certificates'],
  blueprints: ['domain', 'config'],
  assess: ['domain', 'config'],
  api: ['domain', 'ports/store', 'ports/runtime', 'control-plane/commands'],
  cli: ['api/contract', 'config', 'blueprints', 'domain/errors', 'domain/divergence', 'types:domain', 'certificates'],
  dashboard: ['types:api/contract'],
  // Local development starts and watches programs itself; see docs/decisions/0015.
  dev: [
    'domain',
    'certificates',
    'config',
    'ports',
    'wire',
    // Programs of services may run in containers.
    'engine',
    'keeper/ending',
    'keeper/listeners',
    'keeper/processes',
    'keeper/usage',
    'proxy/protocol',
    'proxy/static/media-types',
    'proxy/static/resolve',
  ],
  'dev-server': ['*'],
  'dev-accessories': ['*'],
  'dev-containers': ['*'],
  'dev-images': ['*'],
  'scan-folder': ['*'],
  'scan-staged': ['*'],
  daemon: ['*'],
  'daemon-end': ['*'],
  'daemon-log': ['*'],
  'daemon-machine': ['*'],
  'daemon-webhooks': ['*'],
  'daemon-pushes': ['*'],
  'daemon-secrets': ['*'],
};

const rules: readonly Rule[] = [
  importDirections(rooms),
  noCycles,
  pureDomain,
  environmentOnlyInConfig,
  // The proxy's one child is the keeper it brings back (docs/decisions/0004).
  childProcessesOnlyIn(['keeper', 'adapters', 'pipeline', 'cli', 'proxy', 'dev']),
  shortFiles,
  noBarrels,
  noOnly,
  tellingNames,
];

const folders = ['src', 'dashboard', 'test', 'bench', 'scripts', 'bin'];

/** One legal import of every kind. */
const cleanTree: Readonly<Record<string, string>> = {
  'src/domain/values.ts':
    'export interface Millis { process: number; setTimeout(): void }\nexport const late = new Date(5).getTime();\n',
  'src/domain/rollout/plan.ts': "import type { Millis } from '../values.ts';\nexport type Plan = Millis;\n",
  'src/domain/errors.ts': 'export class Failure extends Error {}\n',
  'src/ports/store.ts': "import type { Millis } from '../domain/values.ts';\nexport type Store = Millis;\n",
  'src/wire/server.ts': "import { createServer } from 'node:net';\nexport const serve = createServer;\n",
  'src/config/load.ts': 'export const home = process.env.HOME;\n',
  'src/keeper/protocol.ts': "import type { Millis } from '../domain/values.ts';\nexport type Keep = Millis;\n",
  'src/keeper/main.ts':
    "import { spawn } from 'node:child_process';\nimport { serve } from '../wire/server.ts';\nexport const all = [spawn, serve];\n",
  'src/adapters/runtime/process/runtime.ts': "import type { Keep } from '../../../keeper/protocol.ts';\nexport type R = Keep;\n",
  'src/adapters/store/sqlite/store.ts': "import { late } from '../../../domain/values.ts';\nexport const x = late;\n",
  'src/control-plane/commands.ts': "import type { Store } from '../ports/store.ts';\nexport type Commands = Store;\n",
  'src/control-plane/controller.ts': 'export const started = Date.now();\n',
  'src/api/contract.ts': "import type { Commands } from '../control-plane/commands.ts';\nexport type Contract = Commands;\n",
  'src/cli/main.ts': "export const verb = await import('./deploy.ts');\n",
  'src/cli/deploy.ts': "import { Failure } from '../domain/errors.ts';\nexport const f = Failure;\n",
  'src/daemon.ts':
    "import { f } from './cli/deploy.ts';\nimport { x } from './adapters/store/sqlite/store.ts';\nexport const parts = [f, x];\n",
  'dashboard/page.ts': "import type { Contract } from '../src/api/contract.ts';\nexport type P = Contract;\n",
  'test/some.test.ts': "import { x } from '../src/adapters/store/sqlite/store.ts';\nit('does', () => x);\n",
};

const imports = (from: string): string => `import { x } from '${from}';\nexport const y = x;\n`;

/** Each breaks exactly one rule once. */
const violations: readonly { name: string; path: string; text: string; found: string }[] = [
  ...[
    ['domain', 'src/domain/a.ts', '../ports/store.ts'],
    ['ports, by value', 'src/ports/a.ts', '../domain/values.ts'],
    ['wire', 'src/wire/a.ts', '../domain/values.ts'],
    ['config', 'src/config/a.ts', '../ports/store.ts'],
    ['control plane', 'src/control-plane/a.ts', '../adapters/store/sqlite/store.ts'],
    ['pipeline past the commands', 'src/pipeline/a.ts', '../control-plane/controller.ts'],
    ['monitor past the commands', 'src/monitor/a.ts', '../control-plane/controller.ts'],
    ['adapter of another adapter', 'src/adapters/store/memory/a.ts', '../sqlite/store.ts'],
    ['adapter of the control plane', 'src/adapters/store/sqlite/a.ts', '../../../control-plane/commands.ts'],
    ['adapter of the keeper without need', 'src/adapters/store/sqlite/a.ts', '../../../keeper/protocol.ts'],
    ['process adapter of more than the protocol', 'src/adapters/runtime/process/a.ts', '../../../keeper/main.ts'],
    ['keeper, by value', 'src/keeper/a.ts', '../domain/errors.ts'],
    ['proxy, by value', 'src/proxy/a.ts', '../domain/errors.ts'],
    ['blueprints', 'src/blueprints/a.ts', '../ports/store.ts'],
    ['api past the commands', 'src/api/a.ts', '../control-plane/controller.ts'],
    ['cli of rules', 'src/cli/a.ts', '../domain/values.ts'],
    ['cli of more than the contract', 'src/cli/a.ts', '../api/routes.ts'],
    ['dashboard, by value', 'dashboard/a.ts', '../src/api/contract.ts'],
    ['anything of the composition root', 'src/control-plane/a.ts', '../daemon.ts'],
    ['the product of its tests', 'src/api/a.ts', '../../test/some.test.ts'],
  ].map(([name = '', path = '', from = '']) => ({ name: `import: ${name}`, path, text: imports(from), found: 'imports' })),
  {
    name: 'import: dynamic',
    path: 'src/domain/a.ts',
    text: "export const y = import('../ports/store.ts');\n",
    found: 'imports src/ports/store.ts',
  },
  {
    name: 'import: in a type',
    path: 'src/wire/a.ts',
    text: "export type Y = import('../domain/values.ts').Millis;\n",
    found: 'imports src/domain/values.ts',
  },
  {
    name: 'import: by export',
    path: 'src/wire/a.ts',
    text: "export { late } from '../domain/values.ts';\n",
    found: 'imports src/domain/values.ts',
  },
  { name: 'a file in no room', path: 'src/attic/a.ts', text: 'export {};\n', found: 'lies in no room' },
  {
    name: 'an adapter without a folder of its own',
    path: 'src/adapters/store/a.ts',
    text: 'export {};\n',
    found: 'lies in no room',
  },
  {
    name: 'a cycle',
    path: 'src/domain/values.ts',
    text: "import type { Plan } from './rollout/plan.ts';\nexport type Millis = Plan;\nexport const late = 1;\n",
    found: '->',
  },
  ...[
    "import { sep } from 'node:path';\nexport const y = sep;",
    "import { z } from 'zod';\nexport const y = z;",
    'export const y = Date.now();',
    'export const y = globalThis.Date.now();',
    'export const y = new Date();',
    'export const y = Math.random();',
    'export const y = () => setTimeout;',
    'export const y = { setInterval };',
    'export const y = performance.now();',
    'export const y = process.pid;',
    "export const y = fetch('http://localhost');",
  ].map((text) => ({
    name: `impure domain: ${text.split('\n')[0]}`,
    path: 'src/domain/a.ts',
    text: `${text}\n`,
    found: 'src/domain/a.ts:1',
  })),
  ...['process.env.HOME', "process['env']", 'globalThis.process.env'].map((read) => ({
    name: `environment: ${read}`,
    path: 'src/api/a.ts',
    text: `export const y = ${read};\n`,
    found: 'reads process.env',
  })),
  {
    name: 'environment: taken apart',
    path: 'src/api/a.ts',
    text: 'export const { env } = process;\n',
    found: 'reads process.env',
  },
  {
    name: 'environment: by import',
    path: 'src/api/a.ts',
    text: "import { env } from 'node:process';\nexport const y = env;\n",
    found: 'imports node:process',
  },
  {
    name: 'a child process in the api',
    path: 'src/api/a.ts',
    text: "import { spawn } from 'node:child_process';\nexport const y = spawn;\n",
    found: 'child_process',
  },
  {
    name: 'a child process in the composition root',
    path: 'src/daemon.ts',
    text: "import { spawn } from 'child_process';\nexport const y = spawn;\n",
    found: 'child_process',
  },
  { name: 'a long file', path: 'test/long.ts', text: '\n'.repeat(501), found: 'has 501 lines' },
  { name: 'a barrel', path: 'src/domain/a.ts', text: "export * from './values.ts';\n", found: 'export *' },
  { name: 'a barrel under a name', path: 'src/domain/a.ts', text: "export * as values from './values.ts';\n", found: 'export *' },
  { name: 'a test alone', path: 'test/a.test.ts', text: "it.only('does', () => 1);\n", found: 'it.only' },
  { name: 'a group alone', path: 'test/a.test.ts', text: "describe.concurrent.only('x', () => 1);\n", found: 'only' },
  { name: 'a file called utils', path: 'src/domain/utils.ts', text: 'export {};\n', found: 'utils' },
  { name: 'a file called after a helper', path: 'test/socket-helper.ts', text: 'export {};\n', found: 'helper' },
];

/** A row of `it.each` whose name is printed whole. */
const named = <Row extends { readonly name: string }>(row: Row): [string, Row] => [row.name, row];

describe('the architecture of this repository', () => {
  const files = readSources(fileURLToPath(new URL('..', import.meta.url)), folders);

  it('has files to judge', () => {
    expect(files.length).toBeGreaterThan(50);
  });

  it.each(rules.map((rule) => ({ name: rule.says, rule })).map(named))('%s', (_name, { rule }) => {
    expect(rule.find(files)).toEqual([]);
  });
});

describe('the rules see what breaks them', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'architecture-'));
    for (const [path, text] of Object.entries(cleanTree)) plant(path, text);
  });

  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  function plant(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  const findings = (): string[] => {
    const files = readSources(root, folders);
    return rules.flatMap((rule) => rule.find(files).map((finding) => `${rule.says}: ${finding}`));
  };

  it('finds nothing in a tree that keeps them', () => {
    expect(findings()).toEqual([]);
  });

  it.each(violations.map(named))('%s', (_name, { path, text, found }) => {
    plant(path, text);
    const [first, ...others] = findings();
    expect(first).toContain(found);
    expect(first).toContain(path);
    expect(others).toEqual([]);
  });
});
