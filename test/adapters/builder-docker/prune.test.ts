import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { imageRecords } from '../../../src/adapters/builder/docker/records.ts';
import type { BuildRecipe } from '../../../src/domain/release.ts';
import type { Engine } from '../../../src/engine/client.ts';
import { join } from 'node:path';
import { base, engineOrSkip, run, succeeded, type Workbench, workbench } from './workbench.ts';

let bench: Workbench;
let engine: Engine;

beforeEach((ctx) => {
  engine = engineOrSkip(ctx);
  bench = workbench(engine);
});
afterEach(() => bench?.end());

const there = async (reference: string): Promise<boolean> =>
  (await engine.call('GET', `/images/${encodeURIComponent(reference)}/json`)).ok;
const all = { count: 0, bytes: 0 };

/** Builds `n` images, oldest first; each has bytes of its own. */
async function builds(n: number): Promise<{ sha: string; recipe: BuildRecipe; name: string }[]> {
  const builder = await bench.open();
  const made: { sha: string; recipe: BuildRecipe; name: string }[] = [];
  for (let i = 0; i < n; i += 1) {
    const sha = await bench.send({
      Dockerfile: `FROM ${base}\nCOPY . /app\nRUN head -c 1000000 /dev/urandom > /own-${i}\n`,
      n: String(i),
    });
    const recipe = await bench.recipe(sha);
    succeeded((await run(builder, bench.request(sha, recipe))).result);
    made.push({ sha, recipe, name: `signalbox/${bench.app}-web:${sha}` });
  }
  return made;
}

describe('images beyond the limits', () => {
  test('are removed, oldest first, but none that is kept; what is removed frees its own bytes alone', async () => {
    const [kept, older, newer] = await builds(3);
    const builder = await bench.open();
    const freed = await builder.prune(new Set([kept?.recipe.key ?? '']), { count: 2, bytes: Number.MAX_SAFE_INTEGER });
    expect(await Promise.all([kept, older, newer].map((one) => there(one?.name ?? '')))).toEqual([true, false, true]);
    expect(freed).toBeGreaterThan(900_000);
    expect(freed).toBeLessThan(50_000_000);
    expect(await builder.has(bench.app, older?.recipe as BuildRecipe)).toBe(false);
  });

  test('are removed by bytes too, with everything that their builds left on the way', async () => {
    const [one] = await builds(1);
    const builder = await bench.open();
    const records = imageRecords(join(bench.folder, `images-${bench.homeId}`));
    const layers = (await records.get(bench.app, one?.recipe.key ?? ''))?.layers ?? [];
    expect(layers.length).toBeGreaterThan(1);
    await builder.prune(new Set(), { count: 100, bytes: 0 });
    expect(await there(one?.name ?? '')).toBe(false);
    expect(await Promise.all(layers.map(there))).toEqual(layers.map(() => false));
    expect(await records.all()).toEqual([]);
  });

  test('stay while a container was made from them', async () => {
    const [one] = await builds(1);
    const made = await engine.call<{ Id: string }>('POST', '/containers/create', { body: { Image: one?.name, Cmd: ['true'] } });
    const id = made.ok ? made.body.Id : '';
    try {
      await (await bench.open()).prune(new Set(), all);
      expect(await there(one?.name ?? '')).toBe(true);
    } finally {
      await engine.call('DELETE', `/containers/${id}`, { query: { force: true } });
    }
    await (await bench.open()).prune(new Set(), all);
    expect(await there(one?.name ?? '')).toBe(false);
  });

  test('stay when somebody gave them a name of their own', async () => {
    const [one] = await builds(1);
    await engine.call('POST', `/images/${one?.name}/tag`, { query: { repo: `other-${bench.app}`, tag: 'v1' } });
    await (await bench.open()).prune(new Set(), all);
    expect(await there(`other-${bench.app}:v1`)).toBe(true);
  });
});

test('images of another installation and images that nobody of us made are left alone', async () => {
  const [own] = await builds(1);
  const other = await bench.open({ homeId: `other${bench.homeId}` });
  const recipe = await bench.recipe(own?.sha ?? '');
  succeeded((await run(other, bench.request(own?.sha ?? '', recipe))).result);
  const foreign = `foreign-${bench.app}:v1`;
  await engine.call('POST', `/images/${encodeURIComponent(base)}/tag`, { query: { repo: `foreign-${bench.app}`, tag: 'v1' } });
  try {
    const builder = await bench.open();
    await builder.prune(new Set(), all);
    expect(await builder.has(bench.app, recipe)).toBe(false);
    expect(await other.has(bench.app, recipe)).toBe(true);
    expect(await there(foreign)).toBe(true);
    expect(await there(base)).toBe(true);
  } finally {
    await engine.call('DELETE', `/images/${foreign}`);
  }
});

describe('images that somebody made from ours, with all of their labels', () => {
  const withoutName = async (query: Record<string, string> = {}): Promise<string> => {
    const [one] = await builds(1);
    const made = await engine.call<{ Id: string }>('POST', '/containers/create', { body: { Image: one?.name, Cmd: ['true'] } });
    const container = made.ok ? made.body.Id : '';
    const committed = await engine.call<{ Id: string }>('POST', '/commit', { query: { container, ...query } });
    await engine.call('DELETE', `/containers/${container}`, { query: { force: true } });
    return committed.ok ? committed.body.Id : '';
  };

  test('are not ours to remove, with a name or without', async () => {
    const theirs = await withoutName();
    try {
      await (await bench.open()).prune(new Set(), all);
      expect(await there(theirs)).toBe(true);
    } finally {
      await engine.call('DELETE', `/images/${theirs}`, { query: { force: true } });
    }
  });

  test('do not take the place of the one they were made from', async () => {
    const builder = await bench.open();
    const sha = await bench.send({ Dockerfile: `FROM ${base}\nCOPY . /app\n`, n: 'mine' });
    const recipe = await bench.recipe(sha);
    succeeded((await run(builder, bench.request(sha, recipe))).result);
    const name = `signalbox/${bench.app}-web:${sha}`;
    const before = await engine.call<{ Id: string }>('GET', `/images/${encodeURIComponent(name)}/json`);
    const made = await engine.call<{ Id: string }>('POST', '/containers/create', { body: { Image: name, Cmd: ['true'] } });
    const container = made.ok ? made.body.Id : '';
    const committed = await engine.call<{ Id: string }>('POST', '/commit', { query: { container } });
    await engine.call('DELETE', `/containers/${container}`, { query: { force: true } });
    try {
      succeeded((await run(builder, bench.request(sha, recipe))).result);
      expect(await engine.call<{ Id: string }>('GET', `/images/${encodeURIComponent(name)}/json`)).toMatchObject({
        body: { Id: before.ok ? before.body.Id : '' },
      });
    } finally {
      await engine.call('DELETE', `/images/${committed.ok ? committed.body.Id : ''}`, { query: { force: true } });
    }
  });
});

test('what a build left on the way stays when somebody has given it a name, say by building the same Dockerfile', async () => {
  const [one] = await builds(1);
  const records = imageRecords(join(bench.folder, `images-${bench.homeId}`));
  const { layers, image } = (await records.get(bench.app, one?.recipe.key ?? '')) ?? { layers: [], image: null };
  const last = layers.findLast((layer) => image?.startsWith(`sha256:${layer}`) !== true) ?? '';
  await engine.call('POST', `/images/${last}/tag`, { query: { repo: `theirs-${bench.app}`, tag: 'v1' } });
  try {
    await (await bench.open()).prune(new Set(), all);
    expect(await there(`theirs-${bench.app}:v1`)).toBe(true);
  } finally {
    await engine.call('DELETE', `/images/theirs-${bench.app}:v1`);
  }
});
