import type { Installation, Source } from './plant-kit.ts';
import { api, mailer, web } from './plant-kit.ts';

/** A story that a control plane is killed in. `before` happens undisturbed. */
export interface Scenario {
  readonly name: string;
  readonly before: (box: Installation) => Promise<void>;
  /** Deploys (or `rollback`) in order; each is asked for when the one before has come so far, and asked again if nobody took it. */
  readonly acts: readonly Act[];
}

export interface Act {
  readonly does: Source | 'rollback';
  /** Goes on when the rollout is in this phase, or has ended. Default: when it has ended. */
  readonly until?: string;
}

const first: Source = { services: [web(1, { command: true }), api(1), mailer(1)], smoke: true, bake: 3000 };
const second: Source = { services: [web(2, { command: true }), api(1), mailer(2)], smoke: true, bake: 3000 };

export const scenarios: readonly Scenario[] = [
  { name: 'a first deploy with a release command', before: async () => undefined, acts: [{ does: first }] },
  {
    name: 'a second deploy that changes a service and a worker',
    before: async (box) => void (await box.live(first)),
    acts: [{ does: second }],
  },
  {
    name: 'a deploy whose release command fails',
    before: async (box) => {
      await box.live(first);
      box.runtime.commands.set('shop-production-web-2', { exitCode: 1 });
    },
    acts: [{ does: second }],
  },
  {
    name: 'a deploy that fails on the route and is undone',
    before: async (box) => {
      await box.live(first);
      box.answers.set('shop/production/v2' as never, { candidate: 200, route: 500 });
    },
    acts: [{ does: second }],
  },
  {
    name: 'a rolling deploy of three instances',
    before: async (box) => void (await box.live({ services: [web(1, { replicas: 3 })], bake: 3000 })),
    acts: [{ does: { services: [web(2, { replicas: 3 })], strategy: 'rolling', bake: 3000 } }],
  },
  {
    name: 'a deploy that takes the place of a baking one',
    before: async (box) => void (await box.live(first)),
    acts: [
      { does: { ...second, bake: 60_000 }, until: 'baking' },
      { does: { services: [web(3), api(1), mailer(2)], bake: 3000 } },
    ],
  },
  {
    name: 'a deploy that takes the place of one in the middle of its switch',
    before: async (box) => void (await box.live(first)),
    acts: [
      { does: { ...second, strategy: 'canary' }, until: 'shifting' },
      { does: { services: [web(3), api(1), mailer(2)], bake: 3000 } },
    ],
  },
  {
    name: 'a manual rollback',
    before: async (box) => {
      await box.live({ services: [web(1), mailer(1)], bake: 3000 });
      await box.live({ services: [web(2), mailer(2)], bake: 3000 });
    },
    acts: [{ does: 'rollback' }],
  },
  {
    name: 'a deploy that does not keep the old release warm and fails its smoke list on the route',
    before: async (box) => {
      await box.live(first);
      box.answers.set('shop/production/v2' as never, { candidate: 200, route: 500 });
    },
    acts: [{ does: { ...second, warm: false } }],
  },
];
