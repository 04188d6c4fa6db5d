import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ListBody, RolloutBody } from '../../src/api/contract.ts';
import { duration, plain } from '../../src/cli/format.ts';
import { processEnvironment } from '../../src/config/settings.ts';
import { waitFor } from '../kit/processes.ts';
import type { Load } from '../load/start.ts';
import type { Seen } from './claims.ts';
import { type Hello, makeHello, type Version } from './hello.ts';
import { type DeployOutcome, environmentOf, openPlace, type Place } from './place.ts';
import { openRelay, type Relay } from './relay.ts';
import type { Screen } from './screen.ts';
import { type Slice, sliceBetween, startTraffic } from './traffic.ts';

/** How long the visitors are watched before and after each event, ms. */
const watchMs = 1500;

export interface Stage {
  readonly screen: Screen;
  readonly sabotage: 'drop' | undefined;
  /** What has to be ended, in the order in which it was begun. */
  readonly ends: (() => Promise<void> | void)[];
}

export interface Told {
  readonly seen: Seen;
  readonly place: Place;
  /** The app's folder. */
  readonly repository: string;
}

/** The story itself. What it begins is pushed to `ends` at once, also when it fails halfway. */
export async function tell({ screen, sabotage, ends }: Stage): Promise<Told> {
  const variables = processEnvironment();
  screen.step('Starting Signalbox in a temporary home');
  const opening = openPlace(variables);
  ends.push(async () => {
    const opened = await opening.catch(() => undefined);
    await opened?.remove();
  });
  const place = await opening;
  const hello = await makeHello(join(place.folder, 'hello'), variables);
  screen.done(`Signalbox is up in ${place.home}`);

  screen.step('v1: the first release');
  const first = ship(place, hello, 'v1');
  const relay = sabotage === 'drop' ? await openRelay(place.http) : undefined;
  if (relay) ends.push(() => relay.close());
  first.catch(() => undefined);
  await Promise.race([first, live(place, 'v1')]);
  const starting = startTraffic(relay?.port ?? place.http);
  ends.push(async () => {
    const begun = await starting.catch(() => undefined);
    await begun?.stop();
  });
  const load = await starting;
  screen.watch(() => load.totals());
  const v1 = await first;
  screen.done(`v1 is live, with ${load.totals().ok} requests served while it was proven`);

  const { v2, whileV2 } = await second({ place, hello, screen, load, relay });
  const { v3, afterRollback } = await third({ place, hello, screen, load });
  const serving = (await environmentOf(place.api, 'hello'))?.release ?? null;
  screen.watch(null);
  const report = await load.stop();
  // Whoever goes on with the app starts from the version that works.
  await hello.commit('v2');
  const { body: history } = await place.cli('rollouts', '--app', 'hello', '--json');
  return {
    seen: {
      load: report,
      deploys: { v1, v2, v3 },
      whileV2,
      afterRollback,
      serving,
      history: (history as ListBody<RolloutBody>).items,
    },
    place,
    repository: hello.folder,
  };
}

type Deployed = DeployOutcome & { readonly exitCode: number };

interface Scene {
  readonly place: Place;
  readonly hello: Hello;
  readonly screen: Screen;
  readonly load: Load;
}

async function second({
  place,
  hello,
  screen,
  load,
  relay,
}: Scene & { readonly relay: Relay | undefined }): Promise<{ v2: Deployed; whileV2: Slice }> {
  screen.step('v2: shipped while the requests keep coming');
  const shipping = ship(place, hello, 'v2');
  shipping.catch(() => undefined);
  relay?.loseOne();
  await Promise.race([shipping, live(place, 'v2')]);
  // Answers that v1 has begun are still on their way for a moment.
  await delay(watchMs);
  const before = load.totals();
  const v2 = await shipping;
  const whileV2 = sliceBetween(before, load.totals());
  screen.done(`v2 took over in ${v2.switchMs === null ? '?' : duration(v2.switchMs)}, ${load.totals().dropped} requests dropped`);
  return { v2, whileV2 };
}

async function third({ place, hello, screen, load }: Scene): Promise<{ v3: Deployed; afterRollback: Slice }> {
  screen.step('v3: starts healthy, then breaks');
  const v3 = await ship(place, hello, 'v3');
  screen.done(
    v3.phase === 'rolled-back' && v3.restoreMs !== null
      ? `v3 broke after ${load.totals().apps['v3']?.answers ?? 0} answers and was rolled back by itself in ${duration(v3.restoreMs)}`
      : `v3 ended as ${plain(v3.phase)}`,
    'bad',
  );
  screen.step('Watching who serves now');
  await delay(watchMs);
  const before = load.totals();
  await delay(watchMs);
  const afterRollback = sliceBetween(before, load.totals());
  screen.done(`${Object.keys(afterRollback.answers).join(' and ')} serves again`);
  return { v3, afterRollback };
}

async function ship(place: Place, hello: Hello, version: Version): Promise<Deployed> {
  await hello.commit(version);
  const { exitCode, body } = await place.cli('deploy', hello.folder, '--json');
  const said = body as DeployOutcome & { readonly error?: { readonly message: string } };
  if (said.error !== undefined) throw new Error(`The deploy of ${version} was refused: ${said.error.message}`);
  return { ...said, exitCode };
}

/** All traffic is on this release. */
const live = (place: Place, release: Version): Promise<true> =>
  waitFor(`traffic on ${release}`, 30_000, async () => {
    if (place.gone()) throw new Error('The demo is over.');
    const environment = await environmentOf(place.api, 'hello').catch(() => undefined);
    return environment?.weights.length === 1 && environment.weights[0]?.release === release ? true : undefined;
  });
