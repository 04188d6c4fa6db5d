import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, notChecked, severityOfWord, verdictOfFindings } from '../../../domain/scan.ts';
import type { ScanTool } from './command-scanner.ts';
import { fieldsOf, firstText, isFields, listOf, numberOf, present, textOf } from './fields.ts';

/** Asks the registry about what package-lock.json names; a registry without that question leaves it not checked. */
export const npmAudit: ScanTool = {
  name: 'npm audit',
  kind: 'dependencies',
  command: 'npm',
  versionArgs: ['--version'],
  enable: 'Use a registry that answers `npm audit`, or install osv-scanner or trivy.',
  codes: [0, 1],
  timeoutMs: 120_000,
  async args({ folder }) {
    const isThere = await Promise.any(
      ['package-lock.json', 'npm-shrinkwrap.json'].map((file) => access(join(folder, file))),
    ).then(
      () => true,
      () => false,
    );
    return isThere
      ? ['audit', '--json', '--package-lock-only', '--ignore-scripts', '--no-fund', '--no-update-notifier']
      : notChecked('There is no package-lock.json.', 'Make it with `npm install --package-lock-only`.');
  },
  read(output) {
    const report = fieldsOf(output);
    const entries = report['vulnerabilities'];
    const total = numberOf(fieldsOf(fieldsOf(report['metadata'])['dependencies'])['total']);
    if (report['auditReportVersion'] !== 2 || !isFields(entries) || total === undefined) return undefined;
    const findings = Object.values(entries).flatMap((entry) => findingsOf(fieldsOf(entry)));
    // Entries without an advisory of their own are there because of others; an answer of nothing but those is not understood.
    if (findings.length === 0 && Object.keys(entries).length > 0) return undefined;
    return verdictOfFindings(findings, `${total} packages`);
  },
};

function findingsOf(entry: Readonly<Record<string, unknown>>): Finding[] {
  const available = entry['fixAvailable'];
  const fix = isFields(available)
    ? `Update ${textOf(available['name'])} to ${textOf(available['version'])}${available['isSemVerMajor'] === true ? ', a new major version' : ''}.`
    : available === true
      ? 'Run `npm audit fix`.'
      : 'There is no version without it yet; look for another package.';
  return listOf(entry['via']).flatMap((via) => {
    if (!isFields(via)) return [];
    const id = /GHSA-[\w-]{4,30}/.exec(textOf(via['url']) ?? '')?.[0] ?? String(numberOf(via['source']) ?? 'advisory');
    return [
      {
        id,
        severity: severityOfWord(via['severity'] ?? entry['severity']),
        title: firstText(via['title']) ?? 'A known hole',
        where: present<{ package?: string; version?: string }>({
          package: firstText(via['name'], entry['name']),
          version: textOf(via['range']),
        }),
        fix,
      },
    ];
  });
}
