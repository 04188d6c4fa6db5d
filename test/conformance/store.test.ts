import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { memoryHome, openMemoryStore } from '../../src/adapters/store/memory/store.ts';
import { openSqliteStore } from '../../src/adapters/store/sqlite/store.ts';
import { compilePrograms, type Programs, temporaryFolder } from '../adapters/store/programs.ts';
import { storeSuite, type StorePlace } from './store.ts';
import { deliverySuite } from './store-deliveries.ts';

let programs: Programs;
beforeAll(async () => {
  programs = await compilePrograms();
});
afterAll(() => programs.remove());

const memory = async (): Promise<StorePlace> => {
  const home = memoryHome();
  return { open: async () => openMemoryStore(home), remove: async () => undefined };
};

const sqlite = async (): Promise<StorePlace> => {
  const folder = await temporaryFolder();
  return {
    open: () =>
      openSqliteStore({
        file: join(folder, 'signalbox.db'),
        lockFile: join(folder, 'lock'),
        workerFile: programs.worker,
        reserve: 64 * 1024,
      }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
};

storeSuite('memory', memory);
storeSuite('sqlite', sqlite);
deliverySuite('memory', memory);
deliverySuite('sqlite', sqlite);
