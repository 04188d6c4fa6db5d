import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, severityOfWord, verdictOfFindings } from '../../../domain/scan.ts';
import type { ScanTool } from './command-scanner.ts';
import { type Fields, fieldsOf, firstText, listOf, numberOf, present, textOf } from './fields.ts';

const rulesOfRepository = ['.semgrep.yml', '.semgrep.yaml', '.semgrep'];

/** With the rules of the repository, else with Semgrep's own, which it fetches; it reports nothing about the code to anybody. */
export const semgrep: ScanTool = {
  name: 'semgrep',
  kind: 'static',
  command: 'semgrep',
  versionArgs: ['--version'],
  enable: 'Install semgrep (https://semgrep.dev), and add rules as .semgrep.yml where it cannot fetch its own.',
  codes: [0, 1],
  timeoutMs: 600_000,
  async args({ folder }) {
    const there = await Promise.all(
      rulesOfRepository.map((file) =>
        access(join(folder, file)).then(
          () => file,
          () => undefined,
        ),
      ),
    );
    const own = there.find((file) => file !== undefined);
    return ['scan', '--json', '--quiet', '--metrics=off', '--disable-version-check', '--config', own ?? 'p/default', '.'];
  },
  read(output) {
    const report = fieldsOf(output);
    const scanned = fieldsOf(report['paths'])['scanned'];
    if (!Array.isArray(report['results']) || !Array.isArray(scanned)) return undefined;
    const errors = listOf(report['errors']).map(fieldsOf);
    const findings = report['results'].map((result) => findingOf(fieldsOf(result)));
    const broken = errors.filter((error) => error['level'] === 'error');
    if (findings.length === 0 && (broken.length > 0 || scanned.length === 0)) return undefined;
    return verdictOfFindings(
      findings,
      `${scanned.length} files`,
      errors.slice(0, 3).flatMap((error) => firstText(error['message']) ?? []),
    );
  },
};

function findingOf(result: Fields): Finding {
  const extra = fieldsOf(result['extra']);
  const fix = textOf(extra['fix']);
  return {
    id: textOf(result['check_id']) ?? 'rule',
    severity: severityOfWord(extra['severity']),
    title: firstText(extra['message']) ?? 'A rule was broken',
    where: present({ file: textOf(result['path']), line: numberOf(fieldsOf(result['start'])['line']) }),
    ...(fix === undefined ? {} : { fix: `Write ${fix}` }),
  };
}
