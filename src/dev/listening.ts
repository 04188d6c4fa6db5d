import { usageOf } from '../keeper/usage.ts';

/** The one port that a program and all it started listen on for TCP; undefined when there is none or it cannot be told which. */
export async function listeningPort(pid: number, marker: string): Promise<number | undefined> {
  const cut = marker.indexOf(':');
  const [usage] = await usageOf(marker.slice(0, cut), [{ id: marker.slice(cut + 1), pid }], true);
  const ports = [...new Set((usage?.listening ?? []).map(({ port }) => port))];
  return ports.length === 1 ? ports[0] : ports.sort((a, b) => preference(a) - preference(b))[0];
}

/** Debuggers and side channels stand aside. */
const preference = (port: number): number => (port === 9229 || port === 24678 ? 2 : port >= 32_768 ? 1 : 0);

/** A promise to be settled from outside, once. */
export function settled(): { readonly promise: Promise<void>; settle(): void } {
  let settle = (): void => {};
  const promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { promise, settle };
}
