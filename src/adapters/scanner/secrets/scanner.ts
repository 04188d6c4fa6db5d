import { join } from 'node:path';
import { type Finding, maxFindings, notChecked, type ScanVerdict, verdictOfFindings } from '../../../domain/scan.ts';
import type { Scanner } from '../../../ports/scanner.ts';
import type { RunTool } from '../../../ports/tool.ts';
import { fingerprintOf, readBaseline } from './baseline.ts';
import { listFiles } from './files.ts';
import { readText } from './read-text.ts';
import { searchText } from './search.ts';

/** Files that are read at a time. */
const atATime = 16;

/**
 * Looks for secrets in the files of a repository as they stand, without any other program than git. Its history is not looked at.
 * A secret itself is never shown, logged or kept.
 */
export function secretScanner(run: RunTool): Scanner {
  return {
    name: 'built-in secret scan',
    kind: 'secrets',
    available: () => Promise.resolve({ available: true, version: 'built in' }),
    scan: ({ folder }, signal) =>
      scan(folder, run, signal).catch((error: unknown) =>
        signal.aborted
          ? notChecked('The scan was stopped before its end.', 'Run it again.')
          : notChecked(`The files could not be listed: ${(error as Error).message}.`, 'Mend it and scan again.'),
      ),
  };
}

interface Looked {
  files: number;
  allowed: number;
  readonly findings: Finding[];
  readonly unread: string[];
}

async function scan(folder: string, run: RunTool, signal: AbortSignal): Promise<ScanVerdict> {
  const baseline = await readBaseline(folder);
  if (baseline.kind === 'broken') return notChecked(`${baseline.why}.`, 'Mend it or remove it.');
  const { files, notes } = await listFiles(folder, run, signal);
  const looked: Looked = { files: 0, allowed: 0, findings: [], unread: [] };
  const queue = files.values();
  const work = async (): Promise<void> => {
    for (const file of queue) {
      signal.throwIfAborted();
      await look(folder, file, baseline.allowed, looked);
    }
  };
  await Promise.all(Array.from({ length: atATime }, work));
  const remarks = [
    ...notes,
    ...(looked.allowed > 0 ? [`${looked.allowed} known from the baseline were left out.`] : []),
    ...(looked.unread.length > 0 ? [unreadSentence(looked.unread)] : []),
  ];
  if (looked.findings.length === 0 && looked.unread.length > 0)
    return notChecked(unreadSentence(looked.unread), 'Make them readable, or have git ignore them.');
  if (looked.files === 0) return notChecked('There is no file with text.', 'Scan the folder that has the source.');
  return verdictOfFindings(looked.findings, `${looked.files} ${looked.files === 1 ? 'file' : 'files'}`, remarks);
}

async function look(folder: string, file: string, allowed: ReadonlySet<string>, looked: Looked): Promise<void> {
  const seen = new Set<string>();
  const result = await readText(join(folder, file), ({ text, line: first }) => {
    for (const { at, secret, masked, ...hit } of searchText(text, file)) {
      let line = first;
      for (let end = text.indexOf('\n'); end !== -1 && end < at; end = text.indexOf('\n', end + 1)) line += 1;
      const fingerprint = fingerprintOf({ id: hit.id, file, secret });
      const place = `${fingerprint}:${line}`;
      if (seen.has(place)) continue;
      seen.add(place);
      if (allowed.has(fingerprint)) looked.allowed += 1;
      // Only the first are shown; a file of nothing but secrets must not fill the memory.
      else if (looked.findings.length < maxFindings * 20)
        looked.findings.push({
          id: hit.id,
          title: hit.title,
          severity: hit.severity,
          fix: hit.fix,
          where: { file, line },
          evidence: `${masked}, fingerprint ${fingerprint}`,
        });
    }
  });
  if (result.kind === 'text') looked.files += 1;
  else if (result.kind === 'unreadable') looked.unread.push(file);
}

const unreadSentence = (files: readonly string[]): string =>
  `${files.length} ${files.length === 1 ? 'file' : 'files'} could not be read: ${files.slice(0, 3).join(', ')}${files.length > 3 ? ' …' : ''}.`;
