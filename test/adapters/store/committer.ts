import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../../src/adapters/store/sqlite/store.ts';
import { SignalboxError } from '../../../src/domain/errors.ts';
import { type Epoch, instant } from '../../../src/domain/values.ts';
import type { Store } from '../../../src/ports/store.ts';
import { aRelease, anEnvironment, anEvent } from '../../conformance/store-documents.ts';

/**
 * Commits until it is killed, one line per acknowledged commit: `ack <revision>`. Each commit moves the environment, adds a
 * release and an event, so a torn one shows. Usage: committer <file> <lock> <worker> [hold]
 */
const [, , file = '', lockFile = '', workerFile = '', mode = 'commit'] = process.argv;
/** Several at once, so that kills also meet group commits. */
const inFlight = 5;
const say = (line: string): void => void writeSync(1, `${line}\n`);

async function commitForever(store: Store, epoch: Epoch): Promise<never> {
  const stored = await store.environment(anEnvironment().key);
  for (let revision = stored === null ? 0 : stored.revision + 1; ; revision += inFlight) {
    const batch = Array.from({ length: inFlight }, (_, n) => revision + n);
    await Promise.all(
      batch.map(async (each) => {
        await store.commit({
          epoch,
          at: instant(each),
          environments: [anEnvironment({ revision: each })],
          releases: [aRelease(each + 1)],
          events: [anEvent(`revision ${each}`)],
        });
        say(`ack ${each}`);
      }),
    );
  }
}

try {
  const store = await openSqliteStore({ file, lockFile, workerFile, reserve: 256 * 1024 });
  const { epoch } = await store.acquire();
  say(`epoch ${epoch}`);
  if (mode === 'commit') await commitForever(store, epoch);
} catch (error) {
  say(`refused ${error instanceof SignalboxError ? error.code : 'UNKNOWN'} ${String(error)}`);
  process.exit(3);
}
