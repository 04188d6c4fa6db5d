import { type Finding, notChecked, severityOfWord, verdictOfFindings } from '../../../domain/scan.ts';
import type { ScanTool } from './command-scanner.ts';
import { type Fields, fieldsOf, firstText, isFields, listOf, numberOf, present, textOf } from './fields.ts';

/** Needs an account: without one it fails, which is not-checked. */
export const snyk: ScanTool = {
  name: 'snyk',
  kind: 'dependencies',
  command: 'snyk',
  versionArgs: ['--version'],
  enable: 'Install snyk (https://docs.snyk.io) and sign in with `snyk auth` or SNYK_TOKEN.',
  codes: [0, 1],
  timeoutMs: 300_000,
  args: () => Promise.resolve(['test', '--json', '--all-projects']),
  explain: (code) =>
    code === 3 ? notChecked('snyk found no project that it knows.', 'Commit the lock file of the packages.') : undefined,
  read(output) {
    const projects = (Array.isArray(output) ? output : [output]).map(fieldsOf);
    // One project that could not be looked at leaves the whole unknown, unless another shows holes.
    const understood = projects.filter(
      (project) => typeof project['ok'] === 'boolean' && Array.isArray(project['vulnerabilities']),
    );
    const seen = new Set<string>();
    const findings = understood.flatMap((project) =>
      listOf(project['vulnerabilities'])
        .map((hole) => findingOf(fieldsOf(hole), project))
        .filter((finding) => {
          const key = JSON.stringify([finding.id, finding.where]);
          return !seen.has(key) && seen.add(key);
        }),
    );
    const missed = projects.length - understood.length;
    if (understood.length === 0 || (missed > 0 && findings.length === 0)) return undefined;
    // It says that there is something, and does not say what.
    if (findings.length === 0 && understood.some((project) => project['ok'] === false)) return undefined;
    const packages = understood.reduce((all, project) => all + (numberOf(project['dependencyCount']) ?? 0), 0);
    return verdictOfFindings(
      findings,
      `${packages} packages`,
      missed === 0 ? [] : [`${missed} projects could not be looked at.`],
    );
  },
};

function findingOf(hole: Fields, project: Fields): Finding {
  const fixed = listOf(hole['fixedIn'])
    .map(textOf)
    .filter((version) => version !== undefined);
  const identifiers = isFields(hole['identifiers']) ? hole['identifiers'] : {};
  return {
    id: firstText(listOf(identifiers['CVE'])[0], hole['id']) ?? 'advisory',
    severity: severityOfWord(hole['severity']),
    title: firstText(hole['title']) ?? 'A known hole',
    where: present({
      file: textOf(project['displayTargetFile']),
      package: firstText(hole['packageName'], hole['name']),
      version: textOf(hole['version']),
    }),
    fix: fixed.length === 0 ? 'There is no version without it yet.' : `Update it to ${fixed.slice(0, 4).join(' or ')}.`,
  };
}
