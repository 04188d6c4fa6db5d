import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { openFileSecrets } from '../../../src/adapters/secrets/files/secrets.ts';
import type { AppName, EnvironmentName, WallTime } from '../../../src/domain/values.ts';

const kills = 10;

it(`keeps every acknowledged value over ${kills} kills amid sets and rotations`, { timeout: 120_000 }, async () => {
  const root = mkdtempSync(join(tmpdir(), 'secrets-kill-'));
  const [folder, keyFile, program] = [join(root, 'secrets'), join(root, 'keys', 'secrets.key'), join(root, 'setter.mjs')];
  try {
    await build({
      entryPoints: [fileURLToPath(new URL('setter.ts', import.meta.url))],
      outfile: program,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
    });
    const acknowledged = new Map<number, string>();
    let rotations = 0;
    for (let round = 0; round < kills; round += 1) {
      const child = spawn(process.execPath, [program, folder, keyFile], { stdio: ['ignore', 'pipe', 'inherit'] });
      let left = 3 + ((round * 7) % 11);
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [, version, value] = /^ack (\d+) (.+)$/.exec(line) ?? [];
        if (version !== undefined && value !== undefined) acknowledged.set(Number(version), value);
        else rotations += 1;
        left -= 1;
        if (left === 0) child.kill('SIGKILL');
      });
      const [, signal] = (await once(child, 'close')) as [number | null, string | null];
      expect(signal).toBe('SIGKILL');
    }
    const secrets = await openFileSecrets({ folder, keyFile, passphrase: null, wall: () => 1 as WallTime });
    const id = { app: 'shop' as AppName, environment: 'production' as EnvironmentName, name: 'KEY' };
    expect(acknowledged.size).toBeGreaterThan(kills);
    expect(rotations).toBeGreaterThan(0);
    for (const [version, value] of acknowledged) expect(Buffer.from(await secrets.reveal(id, version)).toString()).toBe(value);
    expect(readdirSync(join(root, 'keys'))).toEqual(['secrets.key']);
    const left = readdirSync(join(folder, 'shop', 'production', 'KEY')).filter((name) => !name.endsWith('.secret'));
    expect(left).toEqual([]);
    const all = await secrets.all((error) => {
      throw error;
    });
    expect(all.length).toBeGreaterThanOrEqual(acknowledged.size);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
