import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Coverage } from '../../domain/coverage.ts';
import { SignalboxError } from '../../domain/errors.ts';
import type { TestReport } from '../../domain/test-report.ts';
import { readCobertura } from './cobertura.ts';
import { readJunit } from './junit.ts';
import { readLcov } from './lcov.ts';
import { readTap } from './tap.ts';
import { maxReportBytes, requireSize } from './text.ts';

export type ReportForm = 'junit' | 'tap' | 'lcov' | 'cobertura';

export type ReadReport =
  | { readonly kind: 'tests'; readonly tests: TestReport }
  | { readonly kind: 'coverage'; readonly coverage: Coverage };

/** @throws REPORT_UNREADABLE with the line, REPORT_TOO_LARGE */
export async function readReport(form: ReportForm, bytes: Uint8Array): Promise<ReadReport> {
  switch (form) {
    case 'junit':
      return { kind: 'tests', tests: await readJunit(bytes) };
    case 'tap':
      return { kind: 'tests', tests: await readTap(bytes) };
    case 'lcov':
      return { kind: 'coverage', coverage: await readLcov(bytes) };
    case 'cobertura':
      return { kind: 'coverage', coverage: await readCobertura(bytes) };
  }
}

/** A step wrote it: a pipe must not make us wait, and a link must not lead out of its folder. */
const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** A file that a step left. Only regular files are read, and never more than the bound, even while one still grows. */
export async function readReportFile(form: ReportForm, file: string): Promise<ReadReport> {
  const handle = await open(file, flags).catch((cause: unknown) => {
    throw new SignalboxError('REPORT_UNREADABLE', `The ${form} report ${file} cannot be opened.`, { cause });
  });
  try {
    const { size, isFile } = await handle.stat().then((found) => ({ size: found.size, isFile: found.isFile() }));
    if (!isFile) throw new SignalboxError('REPORT_UNREADABLE', `The ${form} report ${file} is no file.`);
    requireSize(form, size);
    const bytes = Buffer.alloc(Math.min(size, maxReportBytes));
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return await readReport(form, bytes.subarray(0, at));
  } finally {
    await handle.close();
  }
}
