import { setImmediate } from 'node:timers/promises';
import { SignalboxError } from '../../domain/errors.ts';

/** Bytes of a report that are read at most. */
export const maxReportBytes = 64 * 1024 * 1024;

/** A refusal that says where. @param line 1-based; 0 where there is none. */
export function unreadable(form: string, line: number, why: string): SignalboxError {
  const where = line > 0 ? `, line ${line}` : '';
  return new SignalboxError('REPORT_UNREADABLE', `The ${form} report cannot be read${where}: ${why}.`, {
    details: { form, ...(line > 0 ? { line } : {}) },
  });
}

/** @throws REPORT_TOO_LARGE */
export function requireSize(form: string, bytes: number): void {
  if (bytes <= maxReportBytes) return;
  throw new SignalboxError('REPORT_TOO_LARGE', `The ${form} report has ${bytes} bytes; up to ${maxReportBytes} are read.`, {
    details: { form, bytes, maxBytes: maxReportBytes },
  });
}

/** UTF-8, or UTF-16 where its mark says so; bytes that are no text become U+FFFD. @throws REPORT_TOO_LARGE */
export function textOf(form: string, bytes: Uint8Array): string {
  requireSize(form, bytes.byteLength);
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  return new TextDecoder('utf-8').decode(bytes);
}

/** Lines with their 1-based numbers, without their ends; nothing is copied but the line at hand. */
export function* linesOf(text: string): Generator<readonly [line: string, number: number]> {
  let at = 0;
  for (let number = 1; at < text.length; number += 1) {
    const end = text.indexOf('\n', at);
    const stop = end === -1 ? text.length : end;
    yield [text.slice(at, stop > at && text[stop - 1] === '\r' ? stop - 1 : stop), number];
    at = stop + 1;
  }
}

/** Lets others have their turn every few thousand steps: a large report must not hold up the control plane. */
export function openPace(every = 4000): () => Promise<void> | undefined {
  let steps = 0;
  return () => {
    steps += 1;
    return steps % every === 0 ? setImmediate() : undefined;
  };
}
