import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Engine, openEngine } from '../../src/engine/client.ts';
import { mapped } from '../../src/engine/errors.ts';
import { type EngineEvent, followEvents } from '../../src/engine/events.ts';
import { demultiplex, lines } from '../../src/engine/streams.ts';

let folder: string;
let socketPath: string;
let server: Server | undefined;
let engine: Engine;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'engine-'));
  socketPath = join(folder, 'engine.sock');
  engine = openEngine(socketPath);
});
afterEach(async () => {
  await engine.close();
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

const stop = async (): Promise<void> => {
  const former = server;
  server = undefined;
  former?.closeAllConnections();
  await new Promise<void>((resolve) => (former ? former.close(() => resolve()) : resolve()));
};
/** An engine that speaks versions `least` to `most` and answers all else by `listener`. */
const serve = (listener: RequestListener, { least = '1.12', most = '1.41' } = {}): Promise<void> => {
  server = createServer((request, response) => {
    if (request.url === '/version') response.end(JSON.stringify({ ApiVersion: most, MinAPIVersion: least }));
    else listener(request, response);
  });
  return new Promise((resolve) => server?.listen(socketPath, resolve));
};

describe('a call', () => {
  it('to an engine that is not there says so, and that trying again may help', async () => {
    const failed = await engine.call('GET', '/info').catch((cause: unknown) => mapped(cause));
    expect(failed).toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
      message: expect.stringContaining(`${socketPath} cannot be reached: there is no such socket`) as string,
    });
  });

  it('finds an engine that comes later', async () => {
    await expect(engine.call('GET', '/info')).rejects.toMatchObject({ kind: 'unavailable' });
    await serve((_, response) => response.end('{"ID":"x"}'));
    expect(await engine.call('GET', '/info')).toEqual({ ok: true, status: 200, body: { ID: 'x' } });
  });

  it('is asked in a version that the engine has', async () => {
    const asked: string[] = [];
    const only = (version: string) =>
      serve(
        (request, response) => {
          asked.push(request.url ?? '');
          if (!request.url?.startsWith(`/v${version}/`)) response.statusCode = 400;
          response.end(JSON.stringify({ message: 'client version is too old or too new' }));
        },
        { least: version === '1.44' ? '1.44' : '1.12', most: version },
      );
    await only('1.44');
    await engine.call('GET', '/info');
    await stop();
    await only('1.38');
    expect(await engine.call('GET', '/info')).toMatchObject({ ok: true });
    expect(asked).toEqual(['/v1.44/info', '/v1.44/info', '/v1.38/info']);
  });

  it('gives absence and conflict as values, every other refusal as an error with the reason', async () => {
    await serve((request, response) => {
      response.statusCode = Number(/(\d+)$/.exec(request.url ?? '')?.[1]);
      response.end(JSON.stringify({ message: 'because' }));
    });
    expect(await engine.call('GET', '/404')).toEqual({ ok: false, status: 404, message: 'because' });
    expect(await engine.call('GET', '/409')).toEqual({ ok: false, status: 409, message: 'because' });
    await expect(engine.call('GET', '/500')).rejects.toMatchObject({ kind: 'refused', status: 500, message: 'because' });
    await expect(engine.call('GET', '/503')).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('never hangs: neither without a head nor in the middle of an answer', async () => {
    await serve((request, response) => {
      if (request.url?.endsWith('/half')) response.write('{"ID":');
    });
    await expect(engine.call('GET', '/none', { timeoutMs: 300 })).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('did not answer within 300 ms') as string,
    });
    await expect(engine.call('GET', '/half', { timeoutMs: 300 })).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('never hangs in the middle of a refusal either, nor of the engine’s version', async () => {
    await serve((_, response) => {
      response.statusCode = 500;
      response.write('{"message":');
    });
    await expect(engine.stream('GET', '/logs', { timeoutMs: 300 })).rejects.toMatchObject({ kind: 'unavailable' });
    await stop();
    server = createServer((_, response) => response.write('{"ApiVersion":'));
    await new Promise<void>((resolve) => server?.listen(socketPath, resolve));
    const other = openEngine(socketPath, { versionMs: 300 });
    await expect(other.call('GET', '/info')).rejects.toMatchObject({ kind: 'unavailable' });
    await other.close();
  });

  it('ends when its caller wants it no longer', async () => {
    await serve(() => {});
    const signal = AbortSignal.timeout(100);
    await expect(engine.call('GET', '/none', { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('sends filters as the engine reads them', async () => {
    let asked = '';
    await serve((request, response) => {
      asked = request.url ?? '';
      response.end('[]');
    });
    await engine.call('GET', '/containers/json', { query: { all: true, filters: { label: ['a=b c'] }, limit: undefined } });
    expect(new URL(asked, 'http://x').searchParams.get('filters')).toBe('{"label":["a=b c"]}');
    expect(asked).not.toContain('limit');
  });
});

describe('streams', () => {
  const frame = (kind: number, text: string): Buffer => {
    const head = Buffer.alloc(8);
    head[0] = kind;
    head.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };

  it('of output come apart by frames, wherever the pieces were cut', async () => {
    const whole = Buffer.concat([frame(1, 'grüße\n'), frame(2, 'error\n'), frame(1, ''), frame(1, 'end')]);
    for (const size of [1, 3, 9, 1000]) {
      await serve((_, response) => {
        for (let at = 0; at < whole.length; at += size) response.write(whole.subarray(at, at + size));
        response.end();
      });
      const seen: string[] = [];
      for await (const { from, data } of demultiplex(await engine.stream('GET', '/logs')))
        seen.push(`${from} ${data.toString()}`);
      expect(seen).toEqual(['stdout grüße\n', 'stderr error\n', 'stdout ', 'stdout end']);
      await stop();
    }
  });

  it('of lines keep characters whole and bound a line without end', async () => {
    const text = `ä\n${'x'.repeat(300_000)}\nlast`;
    async function* pieces(): AsyncGenerator<Buffer> {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += 40_001) yield await Promise.resolve(bytes.subarray(at, at + 40_001));
    }
    const seen: string[] = [];
    for await (const line of lines(pieces())) seen.push(line);
    expect(seen[0]).toBe('ä');
    expect(seen.at(-1)).toBe('last');
    expect(seen.join('').length).toBe(300_000 + 5);
    expect(Math.max(...seen.map(({ length }) => length))).toBeLessThan(300_000);
  });

  it('of an engine that goes away are an error, not an end', async () => {
    await serve((_, response) => response.write(frame(1, 'first')));
    const seen = async (): Promise<void> => {
      for await (const { data } of demultiplex(await engine.stream('GET', '/logs'))) {
        expect(data.toString()).toBe('first');
        void stop();
      }
    };
    await expect(seen()).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('events', () => {
  it('go on where they stopped when the engine was away, each told once', async () => {
    const told: string[] = [];
    const asked: (string | null)[] = [];
    const marks: string[] = [];
    const event = (n: number): string => `${JSON.stringify({ Type: 'container', Action: `e${n}`, timeNano: n * 1e9 })}\n`;
    const answers = [
      [event(1), event(2)],
      [event(2), event(3)],
    ];
    await serve((request, response) => {
      asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('since'));
      const lot = answers.shift();
      if (!lot) response.flushHeaders();
      else response.end(lot.join(''));
    });
    const over = new AbortController();
    await new Promise<void>((resolve) => {
      void followEvents(engine, {
        filters: {},
        signal: over.signal,
        onOpen: () => marks.push('open'),
        onLost: () => marks.push('lost'),
        onEvent: ({ Action }: EngineEvent) => {
          told.push(Action);
          if (Action === 'e3') resolve();
        },
      });
    });
    over.abort();
    expect(told).toEqual(['e1', 'e2', 'e3']);
    expect(asked.slice(0, 2)).toEqual([null, '2.000000000']);
    expect(marks.slice(0, 3)).toEqual(['open', 'lost', 'open']);
  });

  it('are told also when the clock was set back meanwhile', async () => {
    const told: string[] = [];
    const event = (name: string, at: number): string =>
      `${JSON.stringify({ Type: 'container', Action: name, timeNano: at * 1e9 })}\n`;
    const answers = [
      [event('before', 7200), event('an hour back', 3600)],
      [event('an hour back', 3600), event('after', 3599)],
    ];
    await serve((_, response) => {
      const lot = answers.shift();
      if (!lot) response.flushHeaders();
      else response.end(lot.join(''));
    });
    const over = new AbortController();
    const following = followEvents(engine, {
      filters: {},
      signal: over.signal,
      onOpen: () => {
        if (answers.length === 0) setTimeout(() => over.abort(), 300);
      },
      onLost: () => {},
      onEvent: ({ Action }: EngineEvent) => told.push(Action),
    });
    await following;
    expect(told).toEqual(['before', 'an hour back', 'after']);
  });
});
