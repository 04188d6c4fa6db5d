import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { memoryHome, openMemoryStore } from '../../src/adapters/store/memory/store.ts';
import { openSqliteStore } from '../../src/adapters/store/sqlite/store.ts';
import { compilePrograms, type Programs, temporaryFolder } from '../adapters/store/programs.ts';
import { storeSuite } from './store.ts';

let programs: Programs;
beforeAll(async () => {
  programs = await compilePrograms();
});
afterAll(() => programs.remove());

storeSuite('memory', async () => {
  const home = memoryHome();
  return { open: async () => openMemoryStore(home), remove: async () => undefined };
});

storeSuite('sqlite', async () => {
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
});
