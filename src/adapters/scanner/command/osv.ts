import {
  type Finding,
  notChecked,
  type Severity,
  severityOfScore,
  severityOfWord,
  verdictOfFindings,
} from '../../../domain/scan.ts';
import type { ScanTool } from './command-scanner.ts';
import { type Fields, fieldsOf, firstText, isFields, listOf, present, textOf } from './fields.ts';

/** OSV-Scanner of Google, versions 1 and 2. */
export const osvScanner: ScanTool = {
  name: 'osv-scanner',
  kind: 'dependencies',
  command: 'osv-scanner',
  versionArgs: ['--version'],
  enable: 'Install osv-scanner (https://google.github.io/osv-scanner/).',
  codes: [0, 1],
  timeoutMs: 180_000,
  args: ({ folder }, version) =>
    Promise.resolve([...(version.startsWith('1.') ? [] : ['scan', 'source']), '--format', 'json', '--recursive', folder]),
  explain: (code) =>
    code === 128
      ? notChecked('osv-scanner found no lock file that it knows.', 'Commit the lock file of the packages.')
      : undefined,
  read(output, { folder }) {
    const results = fieldsOf(output)['results'];
    if (!Array.isArray(results)) return undefined;
    const findings = results.flatMap((result) => {
      const { source, packages } = fieldsOf(result);
      const path = textOf(fieldsOf(source)['path']);
      const file = path?.startsWith(`${folder}/`) === true ? path.slice(folder.length + 1) : path;
      return listOf(packages).flatMap((entry) => findingsOf(fieldsOf(entry), file));
    });
    return verdictOfFindings(findings, 'the lock files of the folder');
  },
};

/** Names of one hole in several databases stand in one group. */
function findingsOf(entry: Fields, file: string | undefined): Finding[] {
  const { name, version } = fieldsOf(entry['package']);
  const holes = listOf(entry['vulnerabilities']).map(fieldsOf);
  const groups = listOf(entry['groups']).map(fieldsOf);
  const one = (id: string, hole: Fields, severity: Severity): Finding => ({
    id,
    severity,
    title: firstText(hole['summary'], hole['details']) ?? 'A known hole',
    where: present({ file, package: textOf(name), version: textOf(version) }),
    ...fixOf(hole),
  });
  if (groups.length === 0) return holes.map((hole) => one(textOf(hole['id']) ?? 'advisory', hole, severityOf(hole, undefined)));
  return groups.map((group) => {
    const ids = listOf(group['ids']).map(textOf);
    const hole = holes.find((each) => ids.includes(textOf(each['id']))) ?? {};
    return one(ids[0] ?? 'advisory', hole, severityOf(hole, textOf(group['max_severity'])));
  });
}

function severityOf(hole: Fields, score: string | undefined): Severity {
  const counted = score === undefined ? 'unknown' : severityOfScore(Number(score));
  return counted === 'unknown' ? severityOfWord(fieldsOf(hole['database_specific'])['severity']) : counted;
}

function fixOf(hole: Fields): { fix?: string } {
  const fixed = listOf(hole['affected'])
    .flatMap((affected) => listOf(fieldsOf(affected)['ranges']))
    .flatMap((range) => listOf(fieldsOf(range)['events']))
    .flatMap((event) => (isFields(event) ? [textOf(event['fixed'])] : []))
    .filter((version) => version !== undefined && !/^[0-9a-f]{40}$/.test(version));
  return fixed.length === 0 ? {} : { fix: `Update it; mended in ${[...new Set(fixed)].slice(0, 4).join(', ')}.` };
}
