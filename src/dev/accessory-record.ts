import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AccessorySpec, RuntimeKind } from '../domain/accessories.ts';
import type { DevPlace } from './place.ts';

/** What outlives a session: where data is, and what a killed session left running. */
export interface AccessoryRecord {
  /** By accessory: what it ran as the last time. */
  readonly kinds: Readonly<Record<string, RuntimeKind>>;
  /** By accessory: what was asked for when it was started; empty after a session that ended in order. */
  readonly started: Readonly<Record<string, string>>;
  /** Socket of the engine that may have containers of this folder; null: none has. */
  readonly engine: string | null;
}

const fileOf = ({ root }: DevPlace): string => join(root, 'accessories.json');
const nothing: AccessoryRecord = { kinds: {}, started: {}, engine: null };

export function readAccessoryRecord(place: DevPlace): AccessoryRecord {
  try {
    return { ...nothing, ...(JSON.parse(readFileSync(fileOf(place), 'utf8')) as Partial<AccessoryRecord>) };
  } catch {
    // Missing or unreadable: nothing is known, which is what a first start knows.
    return nothing;
  }
}

export function writeAccessoryRecord(place: DevPlace, record: AccessoryRecord): void {
  const draft = `${fileOf(place)}.draft`;
  rmSync(draft, { force: true });
  writeFileSync(draft, JSON.stringify(record), { mode: 0o600 });
  renameSync(draft, fileOf(place));
}

/** Two that are equal are the same thing to run. */
export const fingerprintOf = (spec: AccessorySpec, kind: RuntimeKind): string => JSON.stringify([kind, spec]);
