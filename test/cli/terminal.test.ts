import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { WallTime } from '../../src/domain/values.ts';
import { newYear } from '../api/facts.ts';
import { type StandIn, startStandIn } from '../api/stand-in.ts';
import { endStarted, makeFolder, removeFolders, startInTerminal } from './run-cli.ts';

let at: StandIn | undefined;
afterEach(async () => {
  endStarted();
  await at?.close();
  at = undefined;
});
afterAll(removeFolders);

const scripted = spawnSync('script', ['--version']).status === 0;
const colour = /\[3\dm/;

describe('at a real terminal', () => {
  it.for([
    [{}, true],
    [{ NO_COLOR: '1' }, false],
  ] as const)(
    'with %j a deploy is one block that is drawn over itself, and its last words stay',
    async ([env, colours], { skip }) => {
      if (!scripted) skip('`script` is not installed (Debian: apt-get install bsdutils)');
      at = await startStandIn();
      const app = await makeFolder({ 'signalbox.yaml': 'app: shop\n' });
      const running = startInTerminal(['deploy'], { home: at.home.root, cwd: app, env });
      await expect.poll(running.out, { timeout: 10_000 }).toContain('shop/production v1');
      await at.move('r1', { phase: 'preparing' });
      at.say({ service: 'web', line: 'added 12 packages' });
      await expect.poll(running.out, { timeout: 10_000 }).toContain('web | added 12 packages');
      await at.restart(300);
      await expect.poll(running.out, { timeout: 10_000 }).toContain('The control plane is away; the app is not.');
      const times = {
        createdAt: newYear,
        startedAt: newYear,
        liveAt: newYear,
        endedAt: (newYear + 1000) as WallTime,
        switchMs: 12,
        restoreMs: null,
      };
      await at.move('r1', { phase: 'succeeded', times });
      const { out, code } = await running.done;
      expect(code).toBe(0);
      expect(colour.test(out)).toBe(colours);
      expect(out).toMatch(/\[\d+A/);
      expect(out.slice(out.lastIndexOf('\u001b[?25h'))).toMatch(/v1 is live and proven after 1\.0 s/);
    },
  );
});
