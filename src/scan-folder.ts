import { access } from 'node:fs/promises';
import { join } from 'node:path';
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
import { judgeScans, type ScanGate, type ScanRow } from './domain/scan-gate.ts';
import type { Scanner } from './ports/scanner.ts';

/** What the command line asks for. */
export interface ScanRequest {
  /** Absolute. */
  readonly folder: string;
  /** Reference of an image to look at, too. */
  readonly image?: string;
  /** Absolute paths of what other tools have written. */
  readonly sarif: readonly string[];
  readonly signal: AbortSignal;
}

export interface ScanReport {
  readonly rows: readonly ScanRow[];
  readonly gate: ScanGate;
}

/** Asks every scanner that applies, one after the other. @param onStart hears of each before its turn */
export async function scanFolder(request: ScanRequest, onStart: (scanner: string) => void): Promise<ScanReport> {
  const { folder, image, signal } = request;
  const rows: ScanRow[] = [];
  for (const scanner of await scannersFor(request)) {
    onStart(scanner.name);
    const target = { folder, ...(image === undefined ? {} : { image }) };
    rows.push({ scanner: scanner.name, kind: scanner.kind, verdict: await scanner.scan(target, signal) });
  }
  return { rows, gate: judgeScans(rows) };
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
