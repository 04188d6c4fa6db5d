import { createReadStream } from 'node:fs';

/** One entry of an archive. Times, owners and umasks do not go in: the same content gives the same bytes, and the engine's cache holds. */
export type TarEntry =
  | { readonly type: 'folder'; readonly name: string }
  | { readonly type: 'link'; readonly name: string; readonly target: string }
  | { readonly type: 'text'; readonly name: string; readonly text: string }
  | { readonly type: 'file'; readonly name: string; readonly path: string; readonly size: number; readonly executable: boolean };

const block = 512;

/** The archive, piece by piece. @throws when a file is not as long as it said. */
export async function* tar(entries: Iterable<TarEntry>): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    if (entry.type === 'folder') yield header({ name: `${entry.name}/`, mode: 0o755, size: 0, flag: '5' });
    else if (entry.type === 'link') yield header({ name: entry.name, mode: 0o777, size: 0, flag: '2', target: entry.target });
    else if (entry.type === 'text') {
      const bytes = Buffer.from(entry.text);
      yield header({ name: entry.name, mode: 0o644, size: bytes.length, flag: '0' });
      yield padded(bytes);
    } else {
      yield header({ name: entry.name, mode: entry.executable ? 0o755 : 0o644, size: entry.size, flag: '0' });
      let left = entry.size;
      for await (const piece of createReadStream(entry.path)) {
        left -= (piece as Buffer).length;
        yield piece as Buffer;
      }
      if (left !== 0) throw new Error(`${entry.name} changed while it was read.`);
      if (entry.size % block !== 0) yield Buffer.alloc(block - (entry.size % block));
    }
  }
  yield Buffer.alloc(2 * block);
}

interface Head {
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  readonly flag: string;
  readonly target?: string;
}

/** A ustar header; what does not fit into it goes before it as an extended one. */
function header(head: Head): Buffer {
  const records: string[] = [];
  if (Buffer.byteLength(head.name) > 100) records.push(record('path', head.name));
  if (Buffer.byteLength(head.target ?? '') > 100) records.push(record('linkpath', head.target ?? ''));
  if (head.size >= 8 ** 11) records.push(record('size', String(head.size)));
  if (records.length === 0) return plain(head);
  const bytes = Buffer.from(records.join(''));
  return Buffer.concat([plain({ name: 'pax', mode: 0o644, size: bytes.length, flag: 'x' }), padded(bytes), plain(head)]);
}

/** `<length of the whole record> key=value\n`. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes;
  while (length !== bytes + String(length).length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

function plain({ name, mode, size, flag, target = '' }: Head): Buffer {
  const bytes = Buffer.alloc(block);
  bytes.write(name, 0, 100, 'utf8');
  bytes.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  bytes.write('0000000\0', 108);
  bytes.write('0000000\0', 116);
  bytes.write(
    `${Math.min(size, 8 ** 11 - 1)
      .toString(8)
      .padStart(11, '0')}\0`,
    124,
  );
  bytes.write('00000000000\0', 136);
  bytes.write('        ', 148);
  bytes.write(flag, 156);
  bytes.write(target, 157, 100, 'utf8');
  bytes.write('ustar\x0000', 257);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

const padded = (bytes: Buffer): Buffer =>
  bytes.length % block === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(block - (bytes.length % block))]);
