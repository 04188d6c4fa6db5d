import { createConnection, createServer, type Socket } from 'node:net';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { registryLogins } from '../../../src/adapters/builder/docker/logins.ts';
import { checkEngine } from '../../../src/adapters/builder/docker/doctor.ts';
import { pinImage } from '../../../src/adapters/builder/docker/given.ts';
import { registryTransfers } from '../../../src/adapters/builder/docker/registry.ts';
import { type Engine, openEngine } from '../../../src/engine/client.ts';
import { base, engineOrSkip, run, succeeded, type Workbench, workbench } from './workbench.ts';

let bench: Workbench;
let engine: Engine;
let road: Awaited<ReturnType<typeof roadTo>>;

beforeEach(async (ctx) => {
  engine = engineOrSkip(ctx);
  bench = workbench(engine);
  road = await roadTo(engine.socketPath, join(bench.folder, 'road.sock'));
});
afterEach(async () => {
  await road?.end();
  await bench?.end();
});

/** Another socket of the same engine, which can be cut as if the engine had gone. */
async function roadTo(socket: string, path: string) {
  const open = new Set<Socket>();
  let blocked = false;
  const server = createServer((client) => {
    if (blocked) {
      client.destroy();
      return;
    }
    const onward = createConnection(socket);
    for (const [from, to] of [
      [client, onward],
      [onward, client],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy()).on('close', () => open.delete(from));
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const engineHere = openEngine(path);
  return {
    engine: engineHere,
    cut(): void {
      blocked = true;
      for (const socketOf of open) socketOf.destroy();
    },
    mend(): void {
      blocked = false;
    },
    async end(): Promise<void> {
      this.cut();
      await engineHere.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('an engine that goes away', () => {
  test('in the middle of a build is no fault of the build: it may be tried again, and nothing is left', async () => {
    const sha = await bench.send({ Dockerfile: `FROM ${base}\nRUN echo under way; sleep 3\n` });
    const recipe = await bench.recipe(sha);
    const builder = await bench.open({ engine: road.engine });
    const onLine = (line: string): void => {
      if (line === 'under way') road.cut();
    };
    await expect(builder.build({ ...bench.request(sha, recipe), onLine })).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    expect(readdirSync(bench.incoming)).toEqual([]);
    await expect(builder.has(bench.app, recipe)).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    await expect(builder.prune(new Set(), { count: 0, bytes: 0 })).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    road.mend();
    succeeded((await run(builder, bench.request(sha, recipe))).result);
  });

  test('takes away what a build stands on, as an image prune does: it is built once more, and not for ever', async () => {
    const sha = await bench.send({ Dockerfile: `FROM ${base}\nCMD ["true"]\n` });
    const recipe = await bench.recipe(sha);
    // What Docker 20.10 says where layers vanish between two steps; the moment cannot be met at will.
    const said =
      'failed to export image: failed to set parent sha256:d0caa337126a17373a18abfd6122d8c988632e1f5086a18b412f88a7b092f030: unknown parent image ID sha256:d0caa337126a17373a18abfd6122d8c988632e1f5086a18b412f88a7b092f030';
    let times = 1;
    let builds = 0;
    const losing: Engine = {
      ...engine,
      stream: async (method, path, call) => {
        if (path !== '/build') return engine.stream(method, path, call);
        builds += 1;
        return builds > times
          ? engine.stream(method, path, call)
          : Readable.from([Buffer.from(`${JSON.stringify({ error: said, errorDetail: { message: said } })}\r\n`)]);
      },
    };
    const builder = await bench.open({ engine: losing });
    const { result, lines } = await run(builder, bench.request(sha, recipe));
    succeeded(result);
    expect(lines.join('\n')).toContain('building once more');
    times = Infinity;
    builds = 0;
    const other = await bench.send({ Dockerfile: `FROM ${base}\nCMD ["false"]\n` });
    expect((await run(builder, bench.request(other, await bench.recipe(other)))).result).toMatchObject({
      ok: false,
      end: 'failed',
    });
    expect(builds).toBe(2);
  });

  test('is a finding of doctor, with the way out; one that is there is described', async () => {
    const facts = { socket: road.engine.socketPath, baseImages: [base], registry: null };
    const there = await checkEngine(road.engine, facts);
    expect(there.map(({ name }) => name)).toEqual(['docker', 'docker live-restore', 'docker disk', 'docker base image']);
    expect(there[0]?.detail).toMatch(/^Docker \S+, API \d\.\d+, control groups v[12] \(\w+\)$/);
    expect(there.at(-1)).toEqual({ name: 'docker base image', state: 'ok', detail: base });
    road.cut();
    const [away, ...none] = await checkEngine(road.engine, facts);
    expect(away).toMatchObject({ name: 'docker', state: 'failed' });
    expect(away?.fix).toContain('SIGNALBOX_DOCKER_HOST');
    expect(none).toEqual([]);
  });
});

describe('an image made elsewhere', () => {
  const pin = (image: string) => {
    const logins = registryLogins({ configFile: join(bench.folder, 'none.json'), own: null });
    return pinImage(image, { engine: road.engine, transfers: registryTransfers(road.engine, logins) });
  };

  test('that the engine has is pinned by its id, and found and run by that', async () => {
    const pinned = await pin(base);
    expect(pinned).toMatch(/^sha256:[0-9a-f]{64}$/);
    const sha = await bench.send({ a: 'a' });
    const recipe = { ...(await bench.recipe(sha)), given: { image: pinned } };
    const builder = await bench.open();
    expect(await builder.has(bench.app, recipe)).toBe(true);
    expect(succeeded((await run(builder, bench.request(sha, recipe))).result).cached).toBe(true);
  });

  test('that names its digest is taken at its word, without asking anybody', async () => {
    road.cut();
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(await pin(`example.com/team/api:v1@${digest}`)).toBe(`example.com/team/api@${digest}`);
  });

  test('that is nowhere is refused by its name; an engine that is away is not blamed on it', async () => {
    await expect(pin('127.0.0.1:1/nobody/has:this')).rejects.toMatchObject({ code: 'IMAGE_MISSING' });
    road.cut();
    await expect(pin(base)).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
  });
});
