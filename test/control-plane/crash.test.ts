import { beforeAll, describe, expect, it } from 'vitest';
import type { PortCall } from './kit/life.ts';
import { type Outcome, play } from './play.ts';
import { scenarios } from './scenarios.ts';

describe.each(scenarios)('$name, killed at any point', (scenario) => {
  let undisturbed: Outcome;
  beforeAll(async () => {
    undisturbed = await play(scenario, null);
  });

  it.each([
    { when: 'before', from: 1 },
    { when: 'after', from: 2 },
  ] as const)('$when every other call to a port or commit, comes to the same end', async ({ when, from }) => {
    let kills = 0;
    for (let n = from; n <= undisturbed.calls; n += 2) {
      let at = '';
      const kill = (call: PortCall, box: { kill(): void }): void => {
        if (at !== '' || call.number !== n || call.when !== when) return;
        at = call.name;
        box.kill();
      };
      const outcome = await told(
        `killed ${when} call ${n}`,
        () => play(scenario, { at: kill }),
        () => at,
      );
      if (at !== '') kills += 1;
      expect(outcome.said, `killed ${when} call ${n}, ${at}`).toEqual(undisturbed.said);
    }
    expect(kills).toBeGreaterThan(undisturbed.calls / 3);
  });

  it('again and again, comes to the same end', async () => {
    for (const every of [7, 11, 17, 29]) {
      if (every >= undisturbed.calls) continue;
      let next = every;
      const kill = (call: PortCall, box: { kill(): void }): void => {
        if (call.number < next || next > every * 8) return;
        next += every;
        box.kill();
      };
      const outcome = await told(
        `killed every ${every} calls`,
        () => play(scenario, { at: kill }),
        () => '',
      );
      expect(outcome.lives).toBeGreaterThan(1);
      expect(outcome.said, `killed every ${every} calls`).toEqual(undisturbed.said);
    }
  });
});

async function told(what: string, work: () => Promise<Outcome>, where: () => string): Promise<Outcome> {
  try {
    return await work();
  } catch (cause) {
    throw new Error(`${what} (${where()}): ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
