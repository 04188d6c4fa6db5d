import { type Finding, notChecked, type ScanVerdict, severityOfWord, verdictOfFindings } from '../../../domain/scan.ts';
import type { ScanTool } from './command-scanner.ts';
import { type Fields, fieldsOf, firstText, listOf, numberOf, present, textOf } from './fields.ts';

const common = {
  command: 'trivy',
  versionArgs: ['--version'],
  enable: 'Install trivy (https://trivy.dev) and let it fetch its database once (`trivy image --download-db-only`).',
  codes: [0],
  timeoutMs: 600_000,
  read,
} as const;

// All packages are listed, so that "nothing found" and "nothing looked at" are not the same output.
const flags = ['--format', 'json', '--quiet', '--list-all-pkgs', '--scanners', 'vuln'];

/** Packages of a folder. */
export const trivyFolder: ScanTool = {
  ...common,
  name: 'trivy fs',
  kind: 'dependencies',
  args: ({ folder }) => Promise.resolve(['fs', ...flags, folder]),
};

/** Packages of an image. */
export const trivyImage: ScanTool = {
  ...common,
  name: 'trivy image',
  kind: 'image',
  args: ({ image }) =>
    Promise.resolve(
      image === undefined || image.startsWith('-')
        ? notChecked('There is no image to look at.', 'Build one first.')
        : ['image', ...flags, '--', image],
    ),
};

function read(output: unknown): ScanVerdict | undefined {
  const report = fieldsOf(output);
  if (report['SchemaVersion'] !== 2) return undefined;
  const results = listOf(report['Results']).map(fieldsOf);
  if (results.length === 0)
    return notChecked('trivy found nothing that it knows how to look at.', 'Commit the lock file of the packages.');
  const packages = results.reduce((all, result) => all + listOf(result['Packages']).length, 0);
  const findings = results.flatMap((result) =>
    listOf(result['Vulnerabilities']).map((hole) => findingOf(fieldsOf(hole), result)),
  );
  return verdictOfFindings(findings, packages > 0 ? `${packages} packages` : `${results.length} targets`);
}

function findingOf(hole: Fields, result: Fields): Finding {
  const fixed = textOf(hole['FixedVersion']);
  return {
    id: textOf(hole['VulnerabilityID']) ?? 'advisory',
    severity: severityOfWord(hole['Severity']),
    title: firstText(hole['Title'], hole['Description']) ?? 'A known hole',
    where: present({
      file: textOf(result['Target']),
      line: numberOf(hole['StartLine']),
      package: textOf(hole['PkgName']),
      version: textOf(hole['InstalledVersion']),
    }),
    fix: fixed === undefined ? 'There is no version without it yet.' : `Update it to ${fixed}.`,
  };
}
