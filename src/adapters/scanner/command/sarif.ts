import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import {
  type Finding,
  notChecked,
  type ScanKind,
  type ScanVerdict,
  type Severity,
  severityOfScore,
  severityOfWord,
  verdictOfFindings,
} from '../../../domain/scan.ts';
import type { Scanner } from '../../../ports/scanner.ts';
import { type Fields, fieldsOf, firstText, listOf, numberOf, parseJson, present, textOf } from './fields.ts';

const maxBytes = 64 * 1024 * 1024;
const enable = 'Have the tool write SARIF 2.1.0.';

/** The file that some other tool has written (CodeQL, ESLint, Bandit …). Its findings are that tool's; a run that failed is not clean. */
export function sarifFile(file: string, kind: ScanKind = 'static'): Scanner {
  return {
    name: `SARIF ${file.split('/').at(-1)}`,
    kind,
    available: () => Promise.resolve({ available: true, version: '2.1.0' }),
    async scan(_target, signal) {
      const text = await readBounded(file);
      if (signal.aborted) return notChecked('The scan was stopped before its end.', 'Run it again.');
      if (text === undefined) return notChecked(`${file} cannot be read, or is larger than 64 MiB.`, enable);
      return readSarif(parseJson(text)) ?? notChecked(`${file} is not SARIF 2.1.0.`, enable);
    },
  };
}

async function readBounded(file: string): Promise<string | undefined> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const found = await handle.stat();
    return found.isFile() && found.size <= maxBytes ? await handle.readFile('utf8') : undefined;
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

/** Undefined where it is something else. */
export function readSarif(output: unknown): ScanVerdict | undefined {
  const log = fieldsOf(output);
  if (log['version'] !== '2.1.0' || !Array.isArray(log['runs'])) return undefined;
  const runs = log['runs'].map(fieldsOf);
  if (runs.length === 0) return notChecked('The SARIF file has no run.', enable);
  const findings: Finding[] = [];
  for (const run of runs) {
    const tool = textOf(fieldsOf(fieldsOf(run['tool'])['driver'])['name']) ?? 'the tool';
    const failed = listOf(run['invocations'])
      .map(fieldsOf)
      .find((invocation) => invocation['executionSuccessful'] === false);
    if (failed !== undefined || !Array.isArray(run['results'])) {
      const said = failed === undefined ? undefined : firstText(failed['exitCodeDescription'], failed['exitSignalName']);
      // By the standard a run without results is one that did not come to any.
      return notChecked(
        `${tool} did not come to its end${said === undefined ? '' : `: ${said}`}.`,
        'Run it again, and look at what it prints.',
      );
    }
    for (const result of run['results'].map(fieldsOf)) if (counts(result)) findings.push(findingOf(result, run));
  }
  return verdictOfFindings(findings, `${runs.length} ${runs.length === 1 ? 'run' : 'runs'} of other tools`);
}

/** What passed, does not apply, is gone since the last run, or was accepted by a person is no finding. */
function counts(result: Fields): boolean {
  const { kind, baselineState } = result;
  if (typeof kind === 'string' && !['fail', 'open', 'review'].includes(kind)) return false;
  if (baselineState === 'absent') return false;
  const suppressions = listOf(result['suppressions']).map(fieldsOf);
  return suppressions.length === 0 || suppressions.some(({ status }) => status === 'underReview' || status === 'rejected');
}

function findingOf(result: Fields, run: Fields): Finding {
  const rule = ruleOf(result, run);
  const place = fieldsOf(fieldsOf(listOf(result['locations'])[0])['physicalLocation']);
  const help = fieldsOf(rule['help'])['text'];
  return {
    id: firstText(result['ruleId'], rule['id']) ?? 'rule',
    severity: severityOf(result, rule),
    title: firstText(fieldsOf(result['message'])['text'], fieldsOf(rule['shortDescription'])['text']) ?? 'A rule was broken',
    where: present({
      file: textOf(fieldsOf(place['artifactLocation'])['uri'])?.replace(/^file:\/\//, ''),
      line: numberOf(fieldsOf(place['region'])['startLine']),
    }),
    ...present<{ fix?: string }>({ fix: firstText(help, rule['helpUri']) }),
  };
}

function ruleOf(result: Fields, run: Fields): Fields {
  const rules = listOf(fieldsOf(fieldsOf(run['tool'])['driver'])['rules']).map(fieldsOf);
  const index = numberOf(result['ruleIndex']) ?? numberOf(fieldsOf(result['rule'])['index']);
  const byIndex = index === undefined ? undefined : rules[index];
  return byIndex ?? rules.find(({ id }) => id === result['ruleId']) ?? {};
}

/** The score that many tools add, else the level; a result without one has that of its rule, and else is a warning. */
function severityOf(result: Fields, rule: Fields): Severity {
  const score = [fieldsOf(result['properties'])['security-severity'], fieldsOf(rule['properties'])['security-severity']].find(
    (value) => value !== undefined,
  );
  const counted = score === undefined ? 'unknown' : severityOfScore(Number(score));
  if (counted !== 'unknown') return counted;
  return severityOfWord(result['level'] ?? fieldsOf(rule['defaultConfiguration'])['level'] ?? 'warning');
}
