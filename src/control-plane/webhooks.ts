import { readCloneUrl } from '../domain/forge/clone-url.ts';
import { type Delivery, deliveryAfter, type Hook } from '../domain/forge/delivery.ts';
import type { ForgeEvent, ForgeKind } from '../domain/forge/event.ts';
import { firstHeader, forgeHeaders, type ReadHeader } from '../domain/forge/headers.ts';
import { readForgeEvent } from '../domain/forge/read-event.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { AppName, Epoch } from '../domain/values.ts';
import type { Clock, Ids } from '../ports/clock.ts';
import type { ForgeKeys } from '../ports/forge.ts';
import type { NewEvent, Store } from '../ports/store.ts';

/** Settings of webhooks, and what comes over them. */
export interface Webhooks {
  /** @throws BAD_REQUEST for an address that is not taken, WEBHOOK_EXISTS. */
  add(request: NewHook): Promise<{ readonly hook: Hook; readonly secret: string }>;
  /** @throws NOT_FOUND */
  remove(app: AppName): Promise<void>;
  find(app: AppName): Hook | null;
  /** Some has a token. */
  hasToken(): boolean;
  /** Lets a call in, puts it on record and has it worked off afterwards. @throws WEBHOOK_REFUSED without saying why. */
  take(call: HookCall): Promise<Taken>;
}

export interface NewHook {
  readonly app: AppName;
  readonly kind: ForgeKind;
  readonly url: string;
  readonly api?: string;
  /** Default: a new one. */
  readonly secret?: string;
  readonly token?: string;
  readonly deployKey?: string;
}

export interface HookCall {
  /** As the address has it; need not name an app. */
  readonly app: string;
  readonly header: ReadHeader;
  /** The bytes as they came; proofs are over these. */
  readonly body: Uint8Array;
  /** Hex SHA-256 of the body. */
  readonly digest: string;
}

/** `taken`: it is being worked off; `noted`: on record, nothing to do; `known`: it was taken before, nothing is done. */
export type Taken = { readonly result: 'taken' | 'noted' | 'known'; readonly delivery: Delivery };

export interface WebhookPorts {
  readonly epoch: Epoch;
  readonly store: Store;
  readonly keys: ForgeKeys;
  readonly clock: Clock;
  readonly ids: Ids;
  /** http:// is taken for addresses of this machine. */
  readonly plainLoopback: boolean;
  /** A delivery is on record and waits. */
  readonly onTaken: (delivery: Delivery) => void;
}

const shortestSecret = 16;

export async function openWebhooks(ports: WebhookPorts): Promise<Webhooks> {
  const { store, keys, clock, ids, epoch } = ports;
  const hooks = new Map((await store.hooks()).map((hook) => [hook.app as string, hook]));
  let last: Promise<unknown> = Promise.resolve();
  /** One after the other: what is new is decided by what is on record. */
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  };
  const write = (change: Omit<Parameters<Store['commit']>[0], 'epoch' | 'at'>): Promise<void> =>
    store.commit({ epoch, at: clock.now(), ...change });

  async function record(hook: Hook, call: HookCall): Promise<Taken> {
    const { app, kind } = hook;
    const given = firstHeader(call.header, forgeHeaders[kind].name);
    const id = ids.next();
    // GitLab's bodies say nothing of when: the same branch may move between the same commits twice.
    const digest = kind === 'gitlab' ? null : call.digest;
    const name = given !== undefined && /^[A-Za-z0-9-]{1,100}$/.test(given) ? given : (digest ?? id);
    const before =
      (await store.deliveries({ app, name }, { limit: 1 }))[0] ??
      (digest === null ? undefined : (await store.deliveries({ app, digest }, { limit: 1 }))[0]);
    if (before !== undefined) {
      const { delivery, effects } = deliveryAfter(before, { type: 'repeated' });
      if (effects.length === 0) return { result: 'known', delivery };
      await write({ deliveries: [delivery] });
      return { result: 'taken', delivery };
    }
    const event = readForgeEvent({
      kind,
      name: firstHeader(call.header, forgeHeaders[kind].event) ?? '',
      type: call.header('content-type') ?? '',
      body: Buffer.from(call.body).toString('utf8'),
    });
    const toDo = event.type === 'moved' || event.type === 'deleted';
    const delivery: Delivery = {
      id,
      app,
      name,
      digest,
      event,
      receivedAt: clock.wall(),
      at: clock.now(),
      state: toDo ? 'waiting' : 'done',
      attempts: 0,
      outcome: toDo ? null : outcomeOf(event),
    };
    await write({ deliveries: [delivery], events: toldOf(hook, delivery) });
    return { result: toDo ? 'taken' : 'noted', delivery };
  }

  return {
    find: (app) => hooks.get(app) ?? null,
    hasToken: () => [...hooks.values()].some(({ token }) => token),

    add: (request) =>
      inTurn(async () => {
        const { app, kind, token, deployKey } = request;
        if (hooks.has(app))
          throw new SignalboxError('WEBHOOK_EXISTS', `${app} has a webhook of ${hooks.get(app)?.kind} already.`);
        const { href, protocol } = checked(request, ports.plainLoopback);
        const secret = request.secret ?? ids.secret();
        if (secret.length < shortestSecret || /[^\x21-\x7E]/.test(secret))
          throw bad(`A secret has at least ${shortestSecret} characters, and none that a header cannot carry.`);
        if (protocol === 'ssh' && deployKey === undefined) throw bad('An address of ssh needs a deploy key (--deploy-key FILE).');
        if (protocol !== 'ssh' && deployKey !== undefined) throw bad('A deploy key works with an address of ssh only.');
        if (deployKey !== undefined && !/^-----BEGIN [A-Z ]*PRIVATE KEY-----\n/.test(deployKey))
          throw bad('The deploy key is no private key in the form that ssh-keygen writes.');
        if (token !== undefined && (token === '' || token.length > 4096 || /[^\x21-\x7E]/.test(token)))
          throw bad('The token has characters that no token has.');
        const hook: Hook = {
          app,
          kind,
          url: href,
          api: request.api ?? null,
          token: token !== undefined,
          deployKey: deployKey !== undefined,
          createdAt: clock.wall(),
        };
        await keys.keep(app, {
          secret,
          ...(token === undefined ? {} : { token }),
          ...(deployKey === undefined ? {} : { deployKey }),
        });
        await write({ hooks: [hook], events: [{ type: 'webhook.added', at: clock.wall(), app, body: { kind, url: href } }] });
        hooks.set(app, hook);
        return { hook, secret };
      }),

    remove: (app) =>
      inTurn(async () => {
        const hook = hooks.get(app);
        if (hook === undefined) throw new SignalboxError('NOT_FOUND', `${app} has no webhook.`);
        hooks.delete(app);
        await keys.forget(app);
        await write({
          removedHooks: [app],
          events: [{ type: 'webhook.removed', at: clock.wall(), app, body: { kind: hook.kind } }],
        });
      }),

    take: async (call) => {
      const hook = hooks.get(call.app);
      const kind = hook?.kind ?? 'github';
      const proof = firstHeader(call.header, forgeHeaders[kind].proof) ?? '';
      const real = keys.verify(call.app, { kind, proof, body: call.body });
      if (!real || hook === undefined || proof === '') throw new SignalboxError('WEBHOOK_REFUSED', 'The call is not let in.');
      const taken = await inTurn(() => record(hook, call));
      if (taken.result === 'taken') ports.onTaken(taken.delivery);
      return taken;
    },
  };
}

const bad = (message: string): SignalboxError => new SignalboxError('BAD_REQUEST', message);

function checked(request: NewHook, plainLoopback: boolean): { readonly href: string; readonly protocol: string } {
  const clone = readCloneUrl(request.url, { plainLoopback });
  if ('fault' in clone) throw bad(`The address of the repository is not taken: ${clone.fault}.`);
  if (request.api !== undefined) {
    const api = readCloneUrl(`${request.api.replace(/\/+$/, '')}/x`, { plainLoopback });
    if ('fault' in api || api.protocol === 'ssh')
      throw bad('The address of the API has to be like https://git.example.com/api/v3.');
  }
  return clone;
}

function outcomeOf(event: ForgeEvent): string {
  if (event.type === 'ignored') return event.reason;
  if (event.type === 'ping') return 'The forge has found the way here.';
  if (event.type === 'pull-request' && event.fromFork) return 'Noted. It is of a fork: nothing of it is fetched, built or run.';
  return 'Noted. Its branch is taken by the push that comes with it.';
}

/** What is worth a line of the history; what is ignored is seen in the list of deliveries. */
function toldOf({ kind }: Hook, { app, event, receivedAt, id }: Delivery): readonly NewEvent[] {
  if (event.type === 'ignored' || event.type === 'ping') return [];
  const { type, ...body } = event;
  return [{ type: `webhook.${type}`, at: receivedAt, app, body: { kind, delivery: id, ...body } }];
}
