import { join } from 'node:path';
import { openGitDoor } from './adapters/source/git/http/door.ts';
import { pushedSource } from './adapters/source/git/pushed.ts';
import type { Turns } from './adapters/source/git/turns.ts';
import type { ApiOptions } from './api/options.ts';
import { loadAppSpec } from './config/load.ts';
import type { ControlPlane } from './control-plane/control-plane.ts';
import { createPushCheck } from './control-plane/push-check.ts';
import { createPushDeploy } from './control-plane/push-deploy.ts';
import { createPushes } from './control-plane/pushes.ts';
import { fault } from './daemon-log.ts';
import type { AppName } from './domain/values.ts';
import type { Clock } from './ports/clock.ts';
import type { DataPlane } from './ports/data-plane.ts';
import type { Pushes } from './ports/pushes.ts';
import type { Source } from './ports/source.ts';
import type { StoreReads } from './ports/store.ts';

export interface PushParts {
  readonly controlPlane: ControlPlane;
  readonly store: StoreReads;
  readonly source: Source;
  readonly clock: Clock;
  readonly dataPlane: DataPlane;
  /** Folder of the repositories. */
  readonly sources: string;
  readonly searchPath: string;
  readonly turns: Turns;
}

/** For one call of git, in milliseconds. */
const gitTimeout = 300_000;

/** What pushes lead to, and the door they come in by. */
export function openPushes(parts: PushParts): Pushes & { readonly serve: NonNullable<ApiOptions['git']> } {
  const { controlPlane, source, searchPath, turns, sources: folder } = parts;
  const means = { commands: controlPlane.commands, feed: controlPlane.feed, store: parts.store, clock: parts.clock };
  const pushes = createPushes({
    source: pushedSource((app) => ({ app, gitDir: join(folder, `${app}.git`), searchPath, timeout: gitTimeout })),
    environments: async (app, sha) => (await loadAppSpec(readerOf(source, app, sha))).spec.environments,
    deploy: createPushDeploy({
      ...means,
      check: createPushCheck(means),
      httpPort: async () => (await parts.dataPlane.addresses()).http,
    }),
    onFault: fault,
  });
  const door = openGitDoor({ folder, searchPath, turns, pushes, onFault: fault });
  return {
    receive: (update, say) => pushes.receive(update, say),
    serve: (request, http) => door.serve(request, http),
    stop: () => {
      pushes.stop();
      door.close();
    },
  };
}

const readerOf = (source: Source, app: AppName, sha: string) => ({
  folderName: app,
  read: (path: string) => source.readFile(app, sha, path),
  list: (folder: string, limit: number) => source.list(app, sha, folder, limit),
});
