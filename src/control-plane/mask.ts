import { type Masker, maskerOf, maskTexts } from '../domain/masking.ts';
import type { Run } from '../domain/pipeline/run.ts';
import type { Reason, Rollout } from '../domain/rollout/state.ts';
import { formsOf } from '../domain/secret-forms.ts';
import type { Passwords } from '../ports/passwords.ts';
import type { StepLogs } from '../ports/pipeline.ts';
import type { Change, Store } from '../ports/store.ts';

/**
 * The one place that knows what must not be shown: values of secrets, passwords of accessories, the token of the API. It only ever
 * learns: what was secret is masked until the control plane ends, also after its removal, as old output may still hold it.
 */
export interface Mask extends Masker {
  learn(values: Iterable<string | Uint8Array>): void;
}

export function createMask(): Mask {
  const forms = new Set<string>();
  const seen = new Set<string>();
  let masker: Masker | null = null;
  const current = (): Masker => (masker ??= maskerOf(forms));
  return {
    mask: (text) => current().mask(text),
    stream: () => current().stream(),
    learn: (values) => {
      for (const value of values) {
        const key = typeof value === 'string' ? `text ${value}` : `bytes ${Buffer.from(value).toString('base64')}`;
        if (seen.has(key)) continue;
        seen.add(key);
        for (const form of formsOf(value)) forms.add(form);
        masker = null;
      }
    },
  };
}

/** Whatever is written down about what happened is masked on its way in. */
export const maskedStore = (store: Store, mask: Masker): Store => ({
  ...store,
  commit: (change) => store.commit(maskedChange(change, mask)),
});

function maskedChange(change: Change, mask: Masker): Change {
  const { events, rollouts, runs } = change;
  return {
    ...change,
    ...(events === undefined ? {} : { events: events.map((event) => ({ ...event, body: maskTexts(event.body, mask) })) }),
    ...(runs === undefined ? {} : { runs: runs.map((run) => maskedRun(run, mask)) }),
    ...(rollouts === undefined ? {} : { rollouts: rollouts.map((rollout) => maskedRollout(rollout, mask)) }),
  };
}

const maskedRun = (run: Run, mask: Masker): Run => ({
  ...run,
  reason: run.reason && maskTexts(run.reason, mask),
  steps: run.steps.map((step) => ({ ...step, reason: step.reason && maskTexts(step.reason, mask) })),
});

function maskedRollout(rollout: Rollout, mask: Masker): Rollout {
  const masked = (reason: Reason | null): Reason | null => reason && maskTexts(reason, mask);
  const health = Object.entries(rollout.health).map(([id, one]) => [id, { ...one, reason: masked(one.reason) }]);
  return { ...rollout, reason: masked(rollout.reason), health: Object.fromEntries(health) as Rollout['health'] };
}

/** Passwords are known to the mask before anything can be started with them. */
export const maskedPasswords = (passwords: Passwords, mask: Mask): Passwords => ({
  of: async (owner) => {
    const password = await passwords.of(owner);
    mask.learn([password]);
    return password;
  },
  forget: (owner) => passwords.forget(owner),
});

/** Output of steps as it may be kept and shown. */
export const maskedLogs = (logs: StepLogs, mask: Mask): StepLogs => ({
  read: (of, page) => logs.read(of, page),
  prune: (app, keep) => logs.prune(app, keep),
  open: async (of, onLine) => {
    const log = await logs.open(of, onLine);
    return { line: (text) => log.line(mask.mask(text)), tail: () => log.tail(), close: () => log.close() };
  },
});
