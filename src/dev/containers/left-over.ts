import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Engine, openEngine } from '../../engine/client.ts';
import type { DevPlace } from '../place.ts';
import { removeContainer } from './container.ts';

/** Labels of what is made at the desk; an installation's own things carry `signalbox.installation`. */
export const labelOf = { place: 'signalbox.dev', app: 'signalbox.app', service: 'signalbox.service' } as const;

const fileOf = ({ root }: DevPlace): string => join(root, 'engine.json');

/** Remembers where containers of the folder may be; null: nowhere. */
export function noteEngine(place: DevPlace, socket: string | null): void {
  if (socket === null) rmSync(fileOf(place), { force: true });
  else writeFileSync(fileOf(place), JSON.stringify({ socket }), { mode: 0o600 });
}

/** Removes every container of the folder. @returns how many; null when not all could be removed. */
export async function removeLeft(engine: Engine, { id }: DevPlace): Promise<number | null> {
  const filters = { label: [`${labelOf.place}=${id}`] };
  const query = { all: true, filters };
  const answer = await engine
    .call<readonly { readonly Id: string }[]>('GET', '/containers/json', { query, timeoutMs: 10_000 })
    .catch(() => null);
  if (answer?.ok !== true) return null;
  const removed = await Promise.all(answer.body.map(({ Id }) => removeContainer(engine, Id)));
  return removed.every(Boolean) ? removed.length : null;
}

/**
 * Removes what a killed session left in an engine, whatever the next one runs on.
 * @returns false when that engine cannot be asked.
 */
export async function endLeftContainers(place: DevPlace): Promise<boolean> {
  let socket: string;
  try {
    ({ socket } = JSON.parse(readFileSync(fileOf(place), 'utf8')) as { socket: string });
  } catch {
    return true;
  }
  const engine = openEngine(socket);
  try {
    const left = await removeLeft(engine, place);
    if (left !== null) noteEngine(place, null);
    return left !== null;
  } finally {
    await engine.close();
  }
}
