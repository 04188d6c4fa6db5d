import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  openProcessRuntime,
  type ProcessRuntime,
  type ProcessRuntimeOptions,
} from '../../../src/adapters/runtime/process/runtime.ts';
import type { ArtifactRef } from '../../../src/domain/release.ts';
import type { AppName, BuildKey, Epoch, ServiceName } from '../../../src/domain/values.ts';
import type { KeeperClient } from '../../../src/keeper/client.ts';
import { fixture, type Home, makeHome } from '../../keeper/harness.ts';

/** A home with a keeper and process runtimes on it, all ended by `remove`. */
export interface ProcessPlace {
  readonly home: Home;
  readonly folders: ProcessRuntimeOptions['folders'];
  readonly keeper: KeeperClient;
  readonly notes: string[];
  open(epoch?: number, more?: Partial<ProcessRuntimeOptions>): ProcessRuntime;
  /** Puts a fixture app where the builder would leave it, read-only as the builder does. */
  artifact(app: string): ArtifactRef;
  remove(): Promise<void>;
}

export const base = {
  path: [dirname(process.execPath), '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'].join(':'),
};

export async function makePlace(): Promise<ProcessPlace> {
  const home = makeHome();
  // Instances of other users pass through, as they do below the work root.
  chmodSync(home.dir, 0o711);
  const folders = {
    artifacts: join(home.dir, 'artifacts'),
    work: join(home.dir, 'work'),
    persist: join(home.dir, 'persist'),
    logs: join(home.dir, 'logs'),
  };
  const keeper = await home.connect();
  const runtimes: ProcessRuntime[] = [];
  const notes: string[] = [];
  return {
    home,
    folders,
    keeper,
    notes,
    open: (epoch = 1, more = {}) => {
      const options = {
        keeper,
        homeId: home.homeId,
        epoch: epoch as Epoch,
        folders,
        base,
        onNote: (text: string) => notes.push(text),
      };
      const runtime = openProcessRuntime({ ...options, ...more });
      runtimes.push(runtime);
      return runtime;
    },
    artifact: (app) => {
      const key = createHash('sha256').update(app).digest('hex') as BuildKey;
      const target = join(folders.artifacts, 'shop', key);
      if (!existsSync(target)) {
        mkdirSync(dirname(target), { recursive: true });
        cpSync(fixture(app), target, { recursive: true });
        for (const name of readdirSync(target)) chmodSync(join(target, name), 0o444);
      }
      return { app: 'shop' as AppName, service: 'web' as ServiceName, key, path: '.' };
    },
    remove: async () => {
      for (const runtime of runtimes) await runtime.close();
      await home.destroy();
    },
  };
}
