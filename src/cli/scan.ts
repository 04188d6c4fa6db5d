import { resolve } from 'node:path';
import type { Finding, ScanVerdict } from '../domain/scan.ts';
import type { ScanGate, ScanRow } from '../domain/scan-gate.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { plain, table } from './format.ts';
import type { Invocation } from './invocation.ts';
import type { Terminal } from './terminal.ts';
import { whichFolder } from './which-app.ts';

export interface ScanVerbOptions {
  readonly image?: string;
  readonly sarif?: readonly string[];
  readonly sbom?: string;
}

/** What dist/scan-folder.js has to offer; its source is src/scan-folder.ts, a program of its own. */
interface ScanProgram {
  scanFolder(
    request: Omit<ScanVerbOptions, 'sarif'> & {
      readonly folder: string;
      readonly sarif: readonly string[];
      readonly signal: AbortSignal;
    },
    onStart: (scanner: string) => void,
  ): Promise<ScanReport>;
}

interface ScanReport {
  readonly rows: readonly ScanRow[];
  readonly gate: ScanGate;
  readonly sbom?: {
    readonly file: string;
    readonly locks: readonly string[];
    readonly components: number;
    readonly gaps: readonly string[];
  };
}

/** Findings that are shown; all that are listed are in the JSON. */
const shown = 50;

/** Looks at the files as they are, needs no control plane, and writes nothing but the bill. Exit code 1 when the gate fails. */
export async function scan(invocation: Invocation, folder: string | undefined, options: ScanVerbOptions): Promise<ExitCode> {
  const { terminal, cwd } = invocation;
  const program = (await import(new URL('../scan-folder.js', import.meta.url).href)) as ScanProgram;
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  try {
    const report = await program.scanFolder(
      {
        folder: await whichFolder(invocation, folder),
        sarif: (options.sarif ?? []).map((file) => resolve(cwd, file)),
        signal: stop.signal,
        ...(options.image === undefined ? {} : { image: options.image }),
        ...(options.sbom === undefined ? {} : { sbom: resolve(cwd, options.sbom) }),
      },
      (scanner) => terminal.draw(`\r\u001b[K${terminal.paint.dim(`${scanner} …`)}`),
    );
    terminal.draw('\r\u001b[K');
    terminal.result(report);
    print(terminal, report.rows, report.gate);
    if (report.sbom !== undefined) printBill(terminal, report.sbom);
    if (stop.signal.aborted) return exitCodes.interrupted;
    return report.gate.verdict === 'pass' ? exitCodes.done : exitCodes.failed;
  } finally {
    process.off('SIGINT', onSignal);
  }
}

function print(terminal: Terminal, rows: readonly ScanRow[], gate: ScanGate): void {
  const { paint } = terminal;
  for (const line of table(
    rows.map((row) => [row.kind, plain(row.scanner), word(row.verdict, terminal), plain(remark(row.verdict))]),
  ))
    terminal.say(line);
  const findings = rows.flatMap(({ verdict }) => (verdict.verdict === 'findings' ? verdict.findings : []));
  if (findings.length > 0) terminal.say('');
  for (const finding of findings.slice(0, shown)) printFinding(terminal, finding);
  if (findings.length > shown) terminal.say(`… and ${findings.length - shown} more; --json has them all.`);
  const notes = rows.flatMap(({ scanner, verdict }) =>
    verdict.verdict === 'not-checked'
      ? [`${scanner}: to have it checked: ${verdict.enable}`]
      : verdict.notes.map((note) => `${scanner}: ${note}`),
  );
  if (notes.length > 0) terminal.say('');
  for (const note of notes) terminal.say(paint.dim(plain(note)));
  terminal.say('');
  for (const sentence of gate.says) terminal.say(plain(sentence));
  terminal.say(gate.verdict === 'pass' ? `${paint.green('✓')} The gate is passed.` : `${paint.red('✗')} The gate is not passed.`);
}

function printBill(terminal: Terminal, { file, locks, components, gaps }: NonNullable<ScanReport['sbom']>): void {
  terminal.say(`${terminal.paint.green('✓')} Wrote ${plain(file)}: ${components} components of ${plain(locks.join(', '))}.`);
  for (const gap of gaps) terminal.say(`${terminal.paint.yellow('not whole:')} ${plain(gap)}`);
}

function word(verdict: ScanVerdict, { paint }: Terminal): string {
  if (verdict.verdict === 'clean') return paint.green('clean');
  return verdict.verdict === 'findings' ? paint.red('findings') : paint.yellow('not checked');
}

function remark(verdict: ScanVerdict): string {
  if (verdict.verdict === 'clean') return verdict.looked;
  if (verdict.verdict === 'not-checked') return verdict.why;
  return Object.entries(verdict.counts)
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity}`)
    .join(', ');
}

function printFinding(terminal: Terminal, { severity, id, title, where, evidence, fix }: Finding): void {
  const { paint } = terminal;
  const place = where.file === undefined ? (where.url ?? '') : `${where.file}${where.line === undefined ? '' : `:${where.line}`}`;
  const package_ = where.package === undefined ? '' : [where.package, where.version ?? ''].join(' ').trim();
  const loud = severity === 'critical' || severity === 'high' ? paint.red : paint.yellow;
  terminal.say(`${loud(severity)}  ${plain([id, place, package_].filter((part) => part !== '').join('  '))}`);
  terminal.say(`  ${plain(title)}${evidence === undefined ? '' : ` (${plain(evidence)})`}`);
  if (fix !== undefined) terminal.say(`  ${paint.dim('to do:')} ${plain(fix)}`);
}
