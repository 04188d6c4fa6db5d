import { createHmac, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openForgeKeys } from '../../src/adapters/forge/files/keys.ts';
import { systemClock, systemIds } from '../../src/adapters/clock/system/clock.ts';
import { gitSource } from '../../src/adapters/source/git/git-source.ts';
import { createDeliveries, type Deliveries, type PushedRef, type Receive } from '../../src/control-plane/deliveries.ts';
import { openWebhooks, type Webhooks } from '../../src/control-plane/webhooks.ts';
import type { Delivery } from '../../src/domain/forge/delivery.ts';
import { type AppName, instant } from '../../src/domain/values.ts';
import { type FakeForge, type ForgeRules, startForge } from '../adapters/forge/fake-forge.ts';
import { type TestRepository, testEnvironment, testFolder, testRepository } from '../adapters/source-git-repository.ts';
import { type StandIn, startStandIn } from './stand-in.ts';

export const shop = 'shop' as AppName;
export const secret = 'a-secret-of-the-webhook';

export const githubSignature = (body: string | Buffer, key = secret): string =>
  `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;

/** The real API, webhooks, keys and git over a store in memory, beside a forge; deploys are what a test says they are. */
export interface WebhookPlace {
  readonly at: StandIn;
  readonly forge: FakeForge;
  readonly repository: TestRepository;
  readonly folder: string;
  /** What was handed over to be deployed. */
  readonly pushes: readonly PushedRef[];
  /** The control plane ends at this instant: what it had in hand is never heard of again. */
  kill(): void;
  /** Another one takes over. */
  revive(): Promise<void>;
  add(changes?: Readonly<Record<string, unknown>>): Promise<{ readonly secret: string }>;
  push(...refs: string[]): void;
  /** A call as GitHub makes it, signed; `headers` replace its own, an empty one is left out. */
  deliver(payload: unknown, headers?: Readonly<Record<string, string>>, app?: string): Promise<Response>;
  deliveries(): Promise<readonly Delivery[]>;
  /** Waits until nothing is open, and returns them oldest first. */
  settled(): Promise<readonly Delivery[]>;
  close(): Promise<void>;
}

export async function openPlace(rules: Partial<ForgeRules> & { readonly receive?: Receive } = {}): Promise<WebhookPlace> {
  const temporary = testFolder();
  const folder = temporary.path;
  const repository = testRepository(folder);
  const bare = join(folder, 'forge', 'acme', 'shop.git');
  mkdirSync(join(folder, 'forge', 'acme'), { recursive: true });
  repository.git('init', '--quiet', '--bare', bare);
  const forge = await startForge({ folder: join(folder, 'forge'), ...rules });
  const pushes: PushedRef[] = [];
  let webhooks: Webhooks;
  let deliveries: Deliveries;
  const at = await startStandIn({
    api: {
      webhooks: {
        add: (request) => webhooks.add(request),
        remove: (app) => webhooks.remove(app),
        take: (call) => webhooks.take(call),
      },
    },
  });
  const keys = await openForgeKeys(join(folder, 'keys'));
  const source = gitSource({
    folder: join(folder, 'sources'),
    searchPath: testEnvironment()['PATH'] ?? '',
    fetching: { plainHttp: true },
  });
  let dead = { yes: false };
  const boot = async (): Promise<void> => {
    const life = { yes: false };
    dead = life;
    const { epoch } = await at.store.acquire();
    const clock = systemClock(instant(0));
    deliveries = createDeliveries({
      epoch,
      store: at.store,
      source,
      keys,
      clock,
      hook: (app) => webhooks.find(app),
      receive: async (update, say) => {
        pushes.push(update);
        return (await rules.receive?.(update, say)) ?? { ok: true };
      },
      onFault: (error) => {
        if (!life.yes) throw error;
      },
    });
    webhooks = await openWebhooks({
      epoch,
      store: at.store,
      keys,
      clock,
      ids: systemIds(),
      plainLoopback: true,
      onTaken: (delivery) => {
        if (!life.yes) deliveries.work(delivery);
      },
    });
    await deliveries.start();
  };
  await boot();
  const all = (): Promise<readonly Delivery[]> => at.store.deliveries({ app: shop }, { limit: 500 });
  return {
    at,
    forge,
    repository,
    folder,
    pushes,
    kill: () => {
      dead.yes = true;
      deliveries.stop();
    },
    revive: boot,
    add: async (changes = {}) => {
      const body = { kind: 'github', url: `${forge.url}/acme/shop.git`, secret, ...changes };
      const answer = await fetch(`${at.url}/v1/apps/shop/webhook`, {
        method: 'POST',
        headers: { authorization: `Bearer ${at.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (!answer.ok) throw Object.assign(new Error(await answer.text()), { status: answer.status });
      return (await answer.json()) as { secret: string };
    },
    push: (...refs) => void repository.git('push', '--quiet', '--force', bare, ...refs),
    deliver: async (payload, headers = {}, app = shop) => {
      const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
      const all: Record<string, string> = {
        'content-type': 'application/json',
        'x-github-event': 'push',
        'x-github-delivery': randomUUID(),
        'x-hub-signature-256': githubSignature(body),
        ...headers,
      };
      const kept = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
      return fetch(`${at.url}/v1/hooks/${app}`, { method: 'POST', headers: kept, body });
    },
    deliveries: all,
    settled: async () => {
      for (const until = Date.now() + 20_000; Date.now() < until; ) {
        const rows = await all();
        if (rows.every(({ state }) => state === 'done' || state === 'failed')) return [...rows].reverse();
        await new Promise((resolve) => {
          setTimeout(resolve, 20);
        });
      }
      throw new Error(`Still open: ${JSON.stringify(await all())}`);
    },
    close: async () => {
      dead.yes = true;
      deliveries.stop();
      await at.close();
      await forge.close();
      temporary.end();
    },
  };
}
