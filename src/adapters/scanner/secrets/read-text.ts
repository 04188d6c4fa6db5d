import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** A part of a file, as long as its rules need; `line` is that of its beginning. */
export interface TextPart {
  readonly text: string;
  readonly line: number;
}

const partBytes = 4 * 1024 * 1024;
/** Parts overlap by more than the longest secret, so that none is cut in two. */
const overlap = 4096;
const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** `gone`: a link, a folder, or removed meanwhile: nothing that is committed as a text. */
export type ReadText =
  | { readonly kind: 'text'; readonly parts: number }
  | { readonly kind: 'binary' | 'gone' }
  | { readonly kind: 'unreadable'; readonly why: string };

/** Hands over a file in parts, in order, never more than one at a time. UTF-16 is read as such; anything else with a zero byte is binary. */
export async function readText(file: string, take: (part: TextPart) => void): Promise<ReadText> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file, flags);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return ['ENOENT', 'ELOOP', 'ENOTDIR', 'EISDIR'].includes(code) ? { kind: 'gone' } : { kind: 'unreadable', why: code };
  }
  try {
    const found = await handle.stat();
    if (!found.isFile()) return { kind: 'gone' };
    const buffer = Buffer.allocUnsafe(Math.min(found.size, partBytes) + 1);
    let kept = 0;
    let at = 0;
    let line = 1;
    let parts = 0;
    let decode: ((bytes: Buffer) => string) | undefined;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, kept, buffer.length - kept, at);
      at += bytesRead;
      const filled = kept + bytesRead;
      if (filled === 0 || (bytesRead === 0 && parts > 0)) return { kind: 'text', parts };
      const bytes = buffer.subarray(0, filled);
      decode ??= decoderOf(bytes);
      if (decode === undefined) return { kind: 'binary' };
      take({ text: decode(bytes), line });
      parts += 1;
      if (bytesRead === 0 || (filled < buffer.length && at >= found.size)) return { kind: 'text', parts };
      const rest = Math.min(overlap, filled - 1);
      for (let place = 0; place < filled - rest; place += 1) if (buffer[place] === 10) line += 1;
      buffer.copy(buffer, 0, filled - rest, filled);
      kept = rest;
    }
  } catch (error) {
    return { kind: 'unreadable', why: (error as NodeJS.ErrnoException).code ?? 'unknown' };
  } finally {
    await handle.close();
  }
}

function decoderOf(bytes: Buffer): ((bytes: Buffer) => string) | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return (part) => part.toString('utf16le');
  // Secrets are ASCII: one character per byte keeps places exact and is the fastest.
  return bytes.subarray(0, 8192).includes(0) ? undefined : (part) => part.toString('latin1');
}
