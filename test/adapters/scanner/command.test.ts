import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandScanner, type ScanTool } from '../../../src/adapters/scanner/command/command-scanner.ts';
import { npmAudit } from '../../../src/adapters/scanner/command/npm-audit.ts';
import { osvScanner } from '../../../src/adapters/scanner/command/osv.ts';
import { semgrep } from '../../../src/adapters/scanner/command/semgrep.ts';
import { snyk } from '../../../src/adapters/scanner/command/snyk.ts';
import { trivyFolder, trivyImage } from '../../../src/adapters/scanner/command/trivy.ts';
import { toolRunner } from '../../../src/adapters/tool/process/run-tool.ts';
import type { ScanVerdict } from '../../../src/domain/scan.ts';

let root: string;
let folder: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tools-'));
  folder = join(root, 'app');
  mkdirSync(folder);
  mkdirSync(join(root, 'bin'));
  writeFileSync(join(folder, 'package-lock.json'), '{}');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A real program of that name: it answers the version, and else prints what it is told and ends with the code. */
function install(command: string, output: string, { code = 0, version = '2.3.1', stderr = '' } = {}): void {
  writeFileSync(join(root, 'output'), output);
  const file = join(root, 'bin', command);
  writeFileSync(
    file,
    `#!/bin/sh\ncase "$1" in --version) echo "${command} ${version}"; exit 0;; esac\necho "$@" > '${root}/args'\ncat '${root}/output'\necho '${stderr}' >&2\nexit ${code}\n`,
  );
  chmodSync(file, 0o755);
}

const run = (): ReturnType<typeof toolRunner> => toolRunner({ PATH: `${join(root, 'bin')}:/usr/bin:/bin` });
const scan = (tool: ScanTool, image?: string): Promise<ScanVerdict> =>
  commandScanner(tool, run()).scan({ folder, ...(image === undefined ? {} : { image }) }, new AbortController().signal);
const json = JSON.stringify;

const tools: readonly (readonly [string, ScanTool, clean: unknown])[] = [
  ['npm', npmAudit, { auditReportVersion: 2, vulnerabilities: {}, metadata: { dependencies: { total: 12 } } }],
  ['osv-scanner', osvScanner, { results: [] }],
  ['trivy', trivyFolder, { SchemaVersion: 2, Results: [{ Target: 'package-lock.json', Packages: [{}, {}] }] }],
  ['snyk', snyk, { ok: true, vulnerabilities: [], dependencyCount: 9 }],
  ['semgrep', semgrep, { results: [], errors: [], paths: { scanned: ['a.js'] } }],
];

describe.each(tools)('%s is not clean when', (command, tool, clean) => {
  it('it is not installed', async () => {
    const missing = { ...tool, command: `${tool.command}-that-is-not-there` };
    expect(await scan(missing)).toMatchObject({
      verdict: 'not-checked',
      why: expect.stringContaining('is not installed') as string,
    });
  });

  it.each([
    ['it prints nothing', ''],
    ['it prints something else', 'Downloading the database …\n{}'],
    ['its output was cut off', json(clean).slice(0, -3)],
    ['its output is of another form', '{"status":"ok"}'],
    ['its output is a list of nothing', '[]'],
    ['its output is null', 'null'],
  ])('%s', async (_name, output) => {
    install(command, output);
    expect((await scan(tool)).verdict).toBe('not-checked');
  });

  it('it fails, whatever it prints', async () => {
    install(command, json(clean), { code: 77, stderr: 'no vulnerability database' });
    expect(await scan(tool)).toMatchObject({
      verdict: 'not-checked',
      why: expect.stringContaining('no vulnerability database') as string,
    });
  });

  it('it takes too long, or is stopped', async () => {
    install(command, '');
    writeFileSync(
      join(root, 'bin', command),
      '#!/bin/sh\ncase "$1" in --version) echo 2.0.0; exit 0;; esac\nsleep 60 & sleep 60\n',
    );
    const from = performance.now();
    expect(await scan({ ...tool, timeoutMs: 300 })).toMatchObject({ verdict: 'not-checked', why: `${tool.name} took too long.` });
    const stopped = commandScanner(tool, run()).scan({ folder }, AbortSignal.timeout(500));
    expect((await stopped).verdict).toBe('not-checked');
    expect(performance.now() - from).toBeLessThan(20_000);
  });

  it('and is, when it has looked and found nothing', async () => {
    install(command, json(clean));
    expect((await scan(tool)).verdict).toBe('clean');
  });
});

describe('npm audit', () => {
  it('of a registry that does not know the question is not checked, with its words', async () => {
    install(
      'npm',
      json({
        message: 'request failed',
        error: { code: 'E405', summary: '', detail: 'Method Not Allowed - POST /advisories/bulk' },
      }),
      {
        code: 1,
      },
    );
    expect(await scan(npmAudit)).toMatchObject({
      verdict: 'not-checked',
      why: expect.stringContaining('Method Not Allowed') as string,
    });
  });

  it('without a lock file has nothing to look at, and says so', async () => {
    install('npm', '{}');
    rmSync(join(folder, 'package-lock.json'));
    expect(await scan(npmAudit)).toMatchObject({ verdict: 'not-checked', why: 'There is no package-lock.json.' });
  });

  it('tells each advisory once, with the way out', async () => {
    const via = {
      source: 1,
      name: 'minimist',
      title: 'Prototype Pollution',
      url: 'https://github.com/advisories/GHSA-xvch-5gv4-984h',
      severity: 'critical',
      range: '<1.2.6',
    };
    const vulnerabilities = {
      minimist: { name: 'minimist', severity: 'critical', via: [via], fixAvailable: true },
      mkdirp: {
        name: 'mkdirp',
        severity: 'critical',
        via: ['minimist'],
        fixAvailable: { name: 'mkdirp', version: '1.0.0', isSemVerMajor: true },
      },
    };
    install('npm', json({ auditReportVersion: 2, vulnerabilities, metadata: { dependencies: { total: 3 } } }), { code: 1 });
    expect(await scan(npmAudit)).toMatchObject({
      verdict: 'findings',
      counts: { critical: 1 },
      findings: [
        {
          id: 'GHSA-xvch-5gv4-984h',
          severity: 'critical',
          where: { package: 'minimist', version: '<1.2.6' },
          fix: 'Run `npm audit fix`.',
        },
      ],
    });
  });

  it('that only names packages because of others is not understood', async () => {
    const vulnerabilities = { a: { name: 'a', severity: 'high', via: ['b'] } };
    install('npm', json({ auditReportVersion: 2, vulnerabilities, metadata: { dependencies: { total: 3 } } }), { code: 1 });
    expect((await scan(npmAudit)).verdict).toBe('not-checked');
  });
});

describe('osv-scanner', () => {
  const output = json({
    results: [
      {
        source: { path: '/elsewhere/package-lock.json', type: 'lockfile' },
        packages: [
          {
            package: { name: 'lodash', version: '4.17.15', ecosystem: 'npm' },
            vulnerabilities: [
              {
                id: 'GHSA-35jh-r3h4-6jhm',
                summary: 'Command Injection',
                affected: [{ ranges: [{ events: [{ introduced: '0' }, { fixed: '4.17.21' }] }] }],
              },
            ],
            groups: [{ ids: ['GHSA-35jh-r3h4-6jhm', 'CVE-2021-23337'], max_severity: '7.2' }],
          },
        ],
      },
    ],
  });

  it('tells one hole of many names once', async () => {
    install('osv-scanner', output, { code: 1 });
    expect(await scan(osvScanner)).toMatchObject({
      counts: { high: 1 },
      findings: [
        {
          id: 'GHSA-35jh-r3h4-6jhm',
          title: 'Command Injection',
          where: { package: 'lodash', version: '4.17.15' },
          fix: 'Update it; mended in 4.17.21.',
        },
      ],
    });
  });

  it('without a lock file is not checked', async () => {
    install('osv-scanner', '', { code: 128 });
    expect(await scan(osvScanner)).toMatchObject({ why: 'osv-scanner found no lock file that it knows.' });
  });
});

describe('trivy', () => {
  it('that recognised nothing is not checked', async () => {
    install('trivy', json({ SchemaVersion: 2, ArtifactName: '.' }));
    expect(await scan(trivyFolder)).toMatchObject({ why: 'trivy found nothing that it knows how to look at.' });
  });

  it('of an image names package, version and fix; no image becomes an option', async () => {
    const hole = {
      VulnerabilityID: 'CVE-2023-0286',
      PkgName: 'openssl',
      InstalledVersion: '3.0.7',
      FixedVersion: '3.0.8',
      Severity: 'CRITICAL',
      Title: 'X.400',
    };
    install('trivy', json({ SchemaVersion: 2, Results: [{ Target: 'app (debian 12)', Vulnerabilities: [hole] }] }));
    expect(await scan(trivyImage, 'app:1')).toMatchObject({
      counts: { critical: 1 },
      findings: [{ fix: 'Update it to 3.0.8.' }],
    });
    expect(await scan(trivyImage, '--config=/etc/passwd')).toMatchObject({ why: 'There is no image to look at.' });
    expect(await scan(trivyImage)).toMatchObject({ verdict: 'not-checked' });
  });
});

describe('snyk', () => {
  const hole = {
    id: 'SNYK-JS-1',
    title: 'ReDoS',
    severity: 'high',
    packageName: 'ms',
    version: '0.7.0',
    fixedIn: ['2.0.0'],
    identifiers: { CVE: ['CVE-2017-1'] },
  };

  it('tells a hole that many paths lead to once', async () => {
    install('snyk', json([{ ok: false, vulnerabilities: [hole, { ...hole, from: ['x'] }], dependencyCount: 4 }]), { code: 1 });
    expect(await scan(snyk)).toMatchObject({ counts: { high: 1 }, findings: [{ id: 'CVE-2017-1', fix: 'Update it to 2.0.0.' }] });
  });

  it('with one project that it could not look at is not clean', async () => {
    install(
      'snyk',
      json([
        { ok: true, vulnerabilities: [], dependencyCount: 4 },
        { ok: false, error: 'broken lock file' },
      ]),
    );
    expect((await scan(snyk)).verdict).toBe('not-checked');
  });

  it('that has no project is not checked', async () => {
    install('snyk', '{}', { code: 3 });
    expect(await scan(snyk)).toMatchObject({ why: 'snyk found no project that it knows.' });
  });
});

describe('semgrep', () => {
  it('whose rules could not be had is not clean', async () => {
    install(
      'semgrep',
      json({ results: [], errors: [{ level: 'error', message: 'cannot fetch rules' }], paths: { scanned: ['a'] } }),
    );
    expect((await scan(semgrep)).verdict).toBe('not-checked');
    install('semgrep', json({ results: [], errors: [], paths: { scanned: [] } }));
    expect((await scan(semgrep)).verdict).toBe('not-checked');
  });

  it('tells rule, place and message', async () => {
    const result = {
      check_id: 'js.eval',
      path: 'src/a.js',
      start: { line: 4 },
      extra: { message: 'eval\n of input', severity: 'ERROR', fix: 'parse(x)' },
    };
    install(
      'semgrep',
      json({
        results: [result],
        errors: [{ level: 'warn', message: 'one file was not parsed' }],
        paths: { scanned: ['src/a.js'] },
      }),
      {
        code: 1,
      },
    );
    expect(await scan(semgrep)).toMatchObject({
      counts: { high: 1 },
      findings: [{ id: 'js.eval', title: 'eval of input', where: { file: 'src/a.js', line: 4 }, fix: 'Write parse(x)' }],
      notes: ['one file was not parsed'],
    });
  });
});
