import type { Socket } from 'node:net';

/** A hello is one record; more than this is none. */
const mostBytes = 16 * 1024 + 5;
const ecdsaWithP256 = 0x0403;
/** ECDHE-ECDSA with what `policy` offers, as numbers on the wire. */
const ecdsaSuites = new Set([0xc02b, 0xc02c, 0xcca9]);
const extensionTypes = { signatureAlgorithms: 13, supportedVersions: 43 } as const;
const tls13 = 0x0304;

/**
 * Looks at the first bytes of a connection without taking them: whether the client can use an ECDSA certificate. Calls back once, when
 * it is known, or at the latest when there are too many bytes; a connection that ends before is never heard of.
 */
export function peekAtHello(socket: Socket, done: (takesEcdsa: boolean) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const look = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const length = seen.length >= 5 ? 5 + seen.readUInt16BE(3) : mostBytes;
    if (seen.length < Math.min(length, mostBytes) && seen[0] === 22) return;
    socket.off('readable', look);
    socket.unshift(seen);
    done(takesEcdsa(seen));
  };
  socket.on('readable', look);
}

/** True for what is no hello: it fails in the handshake, in the handshake's own words. */
export function takesEcdsa(hello: Buffer): boolean {
  try {
    const { suites, extensions } = parse(hello);
    const algorithms = extensions.get(extensionTypes.signatureAlgorithms);
    if (!algorithms || !numbers(algorithms.subarray(2)).includes(ecdsaWithP256)) return false;
    const versions = extensions.get(extensionTypes.supportedVersions);
    return (
      (versions !== undefined && numbers(versions.subarray(1)).includes(tls13)) || suites.some((one) => ecdsaSuites.has(one))
    );
  } catch (cause) {
    if (cause instanceof RangeError) return true;
    throw cause;
  }
}

/** @throws RangeError when it is not long enough for what it says. */
function parse(hello: Buffer): { readonly suites: readonly number[]; readonly extensions: ReadonlyMap<number, Buffer> } {
  // Record (5), kind and length of the message (4), version (2), random (32).
  let at = 5 + 4 + 2 + 32;
  at += 1 + hello.readUInt8(at);
  const suitesEnd = at + 2 + hello.readUInt16BE(at);
  const suites = numbers(hello.subarray(at + 2, suitesEnd));
  at = suitesEnd + 1 + hello.readUInt8(suitesEnd);
  const extensions = new Map<number, Buffer>();
  const end = at + 2 + hello.readUInt16BE(at);
  for (at += 2; at < end; ) {
    const length = hello.readUInt16BE(at + 2);
    extensions.set(hello.readUInt16BE(at), hello.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { suites, extensions };
}

function numbers(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length >> 1 }, (_, index) => bytes.readUInt16BE(2 * index));
}
