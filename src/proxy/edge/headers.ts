import type { EdgeHeader } from '../../domain/edge.ts';

/** Adds to an answer (flat name/value pairs) the headers that it does not carry itself. */
export function addMissing(answer: string[], headers: readonly EdgeHeader[]): void {
  const own = answer.length;
  for (const { name, value } of headers) if (!carries(answer, own, name)) answer.push(name, value);
}

function carries(answer: readonly string[], length: number, name: string): boolean {
  for (let i = 0; i < length; i += 2) {
    const other = answer[i] as string;
    // Lengths differ nearly always: a spelling is looked at hardly ever.
    if (other.length === name.length && (other === name || other.toLowerCase() === name.toLowerCase())) return true;
  }
  return false;
}
