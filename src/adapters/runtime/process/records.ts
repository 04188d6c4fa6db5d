import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Workload } from '../../../domain/release.ts';
import type { Sealing } from '../../../keeper/sealing.ts';

/** What this runtime remembers of a workload: enough to start its instances again with another port. Holds secrets: sealed, 0600. */
export interface WorkloadRecord {
  readonly workload: Workload;
  readonly env: Readonly<Record<string, string>>;
  readonly replicas: number;
  /** The port it insists on, once that was seen; its instances then run in network namespaces of their own. */
  readonly fixedPort: number | null;
  /** Of an accessory: the port it had last. Others know it, so it gets the same again. */
  readonly keptPort?: number;
  /** See `EnsureOptions.follows`. */
  readonly follows?: string;
}

export interface WorkloadRecords {
  get(id: string): WorkloadRecord | undefined;
  put(record: WorkloadRecord): void;
  remove(id: string): void;
  all(): readonly WorkloadRecord[];
}

export function openWorkloadRecords(folder: string, sealing: Sealing): WorkloadRecords {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = (id: string): string => join(folder, `${encodeURIComponent(id)}.json`);
  const known = new Map<string, WorkloadRecord>();
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.json')) continue;
    try {
      const record = JSON.parse(sealing.open(readFileSync(join(folder, name), 'utf8'), name)) as WorkloadRecord;
      known.set(record.workload.id, record);
    } catch {
      // Half a file of a crash before the first rename; `ensure` writes it again.
    }
  }
  return {
    get: (id) => known.get(id),
    put: (record) => {
      const path = file(record.workload.id);
      const text = sealing.seal(JSON.stringify(record), basename(path));
      writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
      renameSync(`${path}.tmp`, path);
      known.set(record.workload.id, record);
    },
    remove: (id) => {
      known.delete(id);
      rmSync(file(id), { force: true });
    },
    all: () => [...known.values()],
  };
}
