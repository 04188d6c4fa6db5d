import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpCommitStatuses } from '../../src/adapters/forge/http/statuses.ts';
import { systemClock } from '../../src/adapters/clock/system/clock.ts';
import { createStatusReport, type StatusReport } from '../../src/control-plane/commit-statuses.ts';
import type { Hook } from '../../src/domain/forge/delivery.ts';
import type { Rollout } from '../../src/domain/rollout/state.ts';
import { instant, millis, type Epoch, type RolloutId, type WallTime } from '../../src/domain/values.ts';
import { openMemoryStore } from '../../src/adapters/store/memory/store.ts';
import { newEnvironment } from '../../src/domain/environment-state.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { production, release, rollout, shop } from '../api/facts.ts';
import { type Asked, type FakeForge, type ForgeAnswer, startForge } from '../adapters/forge/fake-forge.ts';

const token = 'ghp_the_token_of_the_forge';
let forge: FakeForge;
let report: StatusReport;
let store: ReturnType<typeof openMemoryStore>;
let epoch: Epoch;
let answer: (asked: Asked) => ForgeAnswer;
const tellers = new Set<(id: RolloutId) => void>();
/** A second is a hundredth of one. */
const clock: Clock = {
  ...systemClock(instant(0)),
  after: (wait, call) => systemClock(instant(0)).after(millis(wait / 100), call),
};
let hook: Hook;

beforeEach(async () => {
  answer = () => ({ status: 201 });
  forge = await startForge({ folder: '/nonexistent', answer: (asked) => answer(asked) });
  hook = {
    app: shop,
    kind: 'github',
    url: `${forge.url}/acme/shop.git`,
    api: null,
    token: true,
    deployKey: false,
    createdAt: 0 as WallTime,
  };
  store = openMemoryStore();
  ({ epoch } = await store.acquire());
  open();
});
afterEach(async () => {
  report.stop();
  await forge.close();
});

function open(): void {
  report = createStatusReport({
    epoch,
    store,
    feed: {
      onRollout: (tell) => {
        tellers.add(tell);
        return () => tellers.delete(tell);
      },
    },
    hook: (app) => (app === shop ? hook : null),
    isNeeded: () => hook.token,
    keys: { access: async () => ({ token, key: null }) },
    forge: httpCommitStatuses({ userAgent: 'signalbox/test' }),
    clock,
    linkOf: () => 'http://shop.example.com/',
    onFault: (error) => {
      throw error;
    },
  });
}

const target = release(1);
async function move(changes: Partial<Rollout>): Promise<void> {
  const next = rollout(target, changes);
  const known = (await store.release(target.id)) !== null;
  await store.commit({ epoch, at: instant(1), rollouts: [next], ...(known ? {} : { releases: [target] }) });
  for (const tell of tellers) tell(next.id);
}
const untilCalls = async (count: number): Promise<readonly Asked[]> => {
  for (const until = Date.now() + 10_000; forge.calls.length < count && Date.now() < until; )
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  return forge.calls;
};
const bodies = (calls: readonly Asked[]) => calls.map(({ body }) => JSON.parse(body) as Record<string, string>);

describe('the status of a commit', () => {
  it('follows its rollout to the end, where the forge wants it and with the token in a header alone', async () => {
    await move({ phase: 'preparing' });
    await untilCalls(1);
    await move({ phase: 'preparing', step: 0 });
    await move({ phase: 'baking' });
    await untilCalls(2);
    await move({ phase: 'succeeded', traffic: { served: 120, dropped: 0 } });
    const calls = await untilCalls(3);
    expect(calls.map(({ method, path }) => `${method} ${path}`)).toEqual(
      Array.from({ length: 3 }, () => `POST /api/v3/repos/acme/shop/statuses/${target.sha}`),
    );
    expect(calls[0]?.headers).toMatchObject({ authorization: `Bearer ${token}`, 'content-type': 'application/json' });
    const shared = { context: 'signalbox/production', target_url: 'http://shop.example.com/' };
    expect(bodies(calls)).toEqual([
      { ...shared, state: 'pending', description: 'v1 is being built' },
      { ...shared, state: 'pending', description: 'v1 is live and being watched' },
      { ...shared, state: 'success', description: 'v1 is live; 120 requests served, 0 dropped' },
    ]);
  });

  it('of a failed one says why', async () => {
    hook = { ...hook, kind: 'gitlab' };
    await move({ phase: 'rolled-back', reason: { code: 'BAKE_FAILED', message: '5 of 9 requests failed' } });
    const calls = await untilCalls(1);
    expect(calls[0]?.path).toBe(`/api/v4/projects/acme%2Fshop/statuses/${target.sha}`);
    expect(calls[0]?.headers['private-token']).toBe(token);
    expect(bodies(calls)).toMatchObject([{ state: 'failed', description: 'v1 was rolled back: 5 of 9 requests failed' }]);
  });

  it('is tried again when the forge is in trouble, and the newest word is the last one', async () => {
    let asked = 0;
    answer = () => ({ status: (asked += 1) <= 2 ? 503 : 201 });
    await move({ phase: 'preparing' });
    await untilCalls(1);
    await move({ phase: 'succeeded' });
    await untilCalls(3);
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
    expect(bodies(forge.calls).at(-1)).toMatchObject({ state: 'success' });
    expect(await store.events({ limit: 10 })).toEqual([]);
  });

  it('that the forge refuses is an event without the token, and harms nothing', async () => {
    answer = () => ({ status: 403, body: `{"message":"Resource not accessible by ${token}\\u0007"}` });
    await move({ phase: 'preparing' });
    for (;;) {
      const events = await store.events({ limit: 10 });
      if (events.length === 0) {
        await new Promise((resolve) => {
          setTimeout(resolve, 10);
        });
        continue;
      }
      expect(events).toMatchObject([
        { type: 'webhook.status-refused', body: { context: 'signalbox/production', sha: target.sha } },
      ]);
      expect(JSON.stringify(events)).toContain('answered 403');
      expect(JSON.stringify(events)).not.toContain(token);
      break;
    }
    expect(forge.calls).toHaveLength(1);
    answer = () => ({ status: 201 });
    await move({ phase: 'succeeded' });
    expect(bodies(await untilCalls(2)).at(-1)).toMatchObject({ state: 'success' });
  });

  it('that GitLab has been told already is no refusal', async () => {
    hook = { ...hook, kind: 'gitlab' };
    answer = () => ({ status: 400, body: '{"message":"Cannot transition status via :run from :running"}' });
    await move({ phase: 'preparing' });
    await untilCalls(1);
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    expect(await store.events({ limit: 10 })).toEqual([]);
  });

  it('is not sent on to where a forge redirects to', async () => {
    answer = () => ({ status: 307, headers: { location: `${forge.url}/elsewhere` } });
    await move({ phase: 'preparing' });
    await untilCalls(1);
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    expect(forge.calls).toHaveLength(1);
  });

  it('is not written without a token, nor of files that no commit has', async () => {
    hook = { ...hook, token: false };
    await move({ phase: 'preparing' });
    await report.refused(shop, target.sha, 'x');
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    expect(forge.calls).toEqual([]);
  });

  it('is said again by the next control plane, which does not know what was told', async () => {
    const environment = newEnvironment({ app: shop, environment: production, candidateToken: 'x' });
    await store.commit({ epoch, at: instant(1), environments: [environment] });
    report.stop();
    tellers.clear();
    await move({ phase: 'succeeded' });
    expect(forge.calls).toEqual([]);
    open();
    await report.start();
    expect(bodies(await untilCalls(1))).toMatchObject([{ state: 'success' }]);
  });

  it('of a push that came to nothing before there was a release says so', async () => {
    await report.refused(shop, target.sha, 'signalbox.yaml:3:1 is wrong [CONFIG_INVALID]');
    expect(bodies(await untilCalls(1))).toEqual([
      { context: 'signalbox/push', state: 'failure', description: 'signalbox.yaml:3:1 is wrong [CONFIG_INVALID]' },
    ]);
  });
});
