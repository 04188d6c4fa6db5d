/** Room for a body of 64 KiB with its head: such an answer is one read, and one write to the client. */
export const arrivalBytes = 128 * 1024;
/** Less than this is copied into a buffer of its own size. */
const worthKeeping = 32 * 1024;
/** At most 4 MiB wait for their next use. */
const mostFree = 32;

/** Kept buffers that hold a reading. */
const lent = new WeakSet<ArrayBufferLike>();
const free: Buffer[] = [];

/**
 * Where connections read into: one room for all, copied out of before anything else is read. Big readings go into buffers that
 * are used again: fresh ones cost page faults and whole collections of garbage, which together outweigh the copying.
 */
export const arrivalRoom = Buffer.allocUnsafeSlow(arrivalBytes);

/** What has just been read into the room, as a buffer of its own. */
export function takeArrival(length: number): Buffer {
  if (length < worthKeeping) return Buffer.from(arrivalRoom.subarray(0, length));
  const kept = free.pop() ?? Buffer.allocUnsafeSlow(arrivalBytes);
  arrivalRoom.copy(kept, 0, 0, length);
  lent.add(kept.buffer);
  return kept.subarray(0, length);
}

/**
 * To be called when the reading that `chunk` is a part of has been parsed to its end and the system has taken all that was made
 * of it. What is never given back is garbage.
 */
export function giveBackArrival(chunk: Buffer): void {
  const { buffer } = chunk;
  if (lent.delete(buffer) && free.length < mostFree) free.push(Buffer.from(buffer as ArrayBuffer));
}
