import { expect } from 'vitest';
import { activePhase } from '../../src/domain/desired.ts';
import { isTerminal, type Rollout } from '../../src/domain/rollout/state.ts';
import type { PortCall } from './kit/life.ts';
import { Installation, install } from './plant-kit.ts';
import type { Act, Scenario } from './scenarios.ts';

/** What interferes with one performance of a scenario. */
export interface Trouble {
  /** Called at each port call after `before` is over, over all lives; may kill, may throw. */
  readonly at: (call: PortCall, box: Installation) => void;
}

export interface Outcome {
  /** Number of port calls made. */
  readonly calls: number;
  readonly lives: number;
  /** What has to be the same whatever the trouble was. */
  readonly said: readonly string[];
}

/** Plays a scenario to its end, starting a new control plane whenever the present one has died, and checks every invariant. */
export async function play(scenario: Scenario, trouble: Trouble | null): Promise<Outcome> {
  const box = await install();
  await scenario.before(box);
  const started = box.runtime.commandsStarted.length;
  let calls = 0;
  let lives = 1;
  const numbers = new WeakMap<object, number>();
  const interfere = (call: PortCall): void => {
    const number = numbers.get(call.key) ?? ++calls;
    numbers.set(call.key, number);
    trouble?.at({ ...call, number }, box);
  };
  box.interfere = interfere;
  box.life.interfere = interfere;
  const revive = async (): Promise<void> => {
    while (box.life.dead) {
      lives += 1;
      await box.time.pass(50);
      await box.boot();
    }
  };
  for (const act of scenario.acts) await perform(box, act, revive);
  for (let rest = 0; box.active().length > 0; rest++) {
    if (rest > 200) throw new Error(`It does not end:\n${box.describe()}`);
    await box.until(() => box.life.dead || box.active().length === 0);
    await revive();
  }
  box.interfere = () => undefined;
  box.life.interfere = () => undefined;
  await revive();
  await box.calm();
  check(box, started);
  return { calls, lives, said: tell(box) };
}

async function perform(box: Installation, act: Act, revive: () => Promise<void>): Promise<void> {
  const known = new Set(box.home.tables.rollouts.keys());
  const sha = act.does === 'rollback' ? '' : box.commit(act.does);
  const { app, environment } = box.request(sha);
  const taken = (): Rollout | undefined => [...box.home.tables.rollouts.values()].find((r) => !known.has(r.id));
  for (let attempt = 0; !taken(); attempt++) {
    if (attempt > 50) throw new Error(`Nobody takes it:\n${box.describe()}`);
    const ask =
      act.does === 'rollback'
        ? box.plane.commands.rollback({ app, environment, force: true })
        : box.plane.commands.deploy(box.request(sha));
    await box.during(ask).catch(() => box.time.pass(500));
    await revive();
  }
  const id = taken()?.id ?? '';
  const farEnough = (): boolean => {
    const rollout = box.rollout(id);
    return isTerminal(rollout.phase) || (act.until !== undefined && activePhase(rollout) === act.until);
  };
  for (let rest = 0; !farEnough(); rest++) {
    if (rest > 200) throw new Error(`It does not go on:\n${box.describe()}`);
    await box.until(() => box.life.dead || farEnough());
    await revive();
  }
}

/** What holds whatever has happened. */
function check(box: Installation, started: number): void {
  box.sound();
  const commands = box.runtime.commandsStarted.slice(started).map((id) => box.runtime.serviceOf(id));
  expect(new Set(commands).size, `release commands ${commands.join()}`).toBe(commands.length);
  const epochs = box.dataPlane.tables.map((t) => t.epoch);
  const versions = box.dataPlane.tables.map((t) => t.version);
  expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
  expect(versions).toEqual([...versions].sort((a, b) => a - b));
}

/** Rollouts with their ends and reasons, who has the traffic, what runs and which release commands are done. */
function tell(box: Installation): readonly string[] {
  const { rollouts, environments } = box.home.tables;
  return [
    ...[...rollouts.values()].map((r) => `${r.kind} ${r.release} ${r.phase} ${r.reason?.code ?? ''}`),
    ...[...environments.values()].map((e) => `${e.key} proven ${e.proven} done ${JSON.stringify(e.commandsDone)}`),
    `arms ${box.arms()}`,
    `running ${box.runtime.running().join(' ')}`,
  ];
}
