import { access, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { commandScanner } from './adapters/scanner/command/command-scanner.ts';
import { npmAudit } from './adapters/scanner/command/npm-audit.ts';
import { osvScanner } from './adapters/scanner/command/osv.ts';
import { sarifFile } from './adapters/scanner/command/sarif.ts';
import { semgrep } from './adapters/scanner/command/semgrep.ts';
import { snyk } from './adapters/scanner/command/snyk.ts';
import { trivyFolder, trivyImage } from './adapters/scanner/command/trivy.ts';
import { secretScanner } from './adapters/scanner/secrets/scanner.ts';
import { toolRunner } from './adapters/tool/process/run-tool.ts';
import { processEnvironment } from './config/settings.ts';
import { SignalboxError } from './domain/errors.ts';
import { judgeScans, type ScanGate, type ScanRow } from './domain/scan-gate.ts';
import { billOf } from './pipeline/sbom/cyclonedx.ts';
import { readLocks } from './pipeline/sbom/read-locks.ts';
import type { Scanner } from './ports/scanner.ts';

/** What the command line asks for. */
export interface ScanRequest {
  /** Absolute. */
  readonly folder: string;
  /** Reference of an image to look at, too. */
  readonly image?: string;
  /** Absolute paths of what other tools have written. */
  readonly sarif: readonly string[];
  /** Absolute path of the bill of materials to write. */
  readonly sbom?: string;
  readonly signal: AbortSignal;
}

export interface ScanReport {
  readonly rows: readonly ScanRow[];
  readonly gate: ScanGate;
  readonly sbom?: {
    readonly file: string;
    readonly locks: readonly string[];
    readonly components: number;
    /** Why it may not be whole. */
    readonly gaps: readonly string[];
  };
}

/**
 * Asks every scanner that applies, one after the other. @param onStart hears of each before its turn
 * @throws LOCK_MISSING, LOCK_UNREADABLE, FILE_NOT_WRITTEN, all of them only with `sbom`
 */
export async function scanFolder(request: ScanRequest, onStart: (scanner: string) => void): Promise<ScanReport> {
  const { folder, image, signal } = request;
  const sbom = request.sbom === undefined ? undefined : await writeBill(folder, request.sbom);
  const rows: ScanRow[] = [];
  for (const scanner of await scannersFor(request)) {
    onStart(scanner.name);
    const target = { folder, ...(image === undefined ? {} : { image }) };
    rows.push({ scanner: scanner.name, kind: scanner.kind, verdict: await scanner.scan(target, signal) });
  }
  return { rows, gate: judgeScans(rows), ...(sbom === undefined ? {} : { sbom }) };
}

async function scannersFor({ folder, image, sarif }: ScanRequest): Promise<readonly Scanner[]> {
  const run = toolRunner(processEnvironment());
  const hasPackages = await access(join(folder, 'package.json')).then(
    () => true,
    () => false,
  );
  const tools = [
    ...(hasPackages ? [npmAudit] : []),
    osvScanner,
    trivyFolder,
    snyk,
    ...(image === undefined ? [] : [trivyImage]),
    semgrep,
  ];
  return [secretScanner(run), ...tools.map((tool) => commandScanner(tool, run)), ...sarif.map((file) => sarifFile(file))];
}

async function writeBill(folder: string, file: string): Promise<NonNullable<ScanReport['sbom']>> {
  const { files, sets, gaps } = await readLocks(folder);
  const bill = billOf({ name: basename(folder) }, sets);
  const fresh = `${file}.${process.pid}`;
  try {
    await writeFile(fresh, `${JSON.stringify(bill, null, 2)}\n`);
    await rename(fresh, file);
  } catch (cause) {
    await rm(fresh, { force: true });
    throw new SignalboxError(
      'FILE_NOT_WRITTEN',
      `${file} could not be written (${(cause as NodeJS.ErrnoException).code ?? 'unknown'}).`,
      { cause },
    );
  }
  return { file, locks: files, components: bill.components.length, gaps };
}
