import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { eventBody, logBody, rolloutBody } from '../../src/api/schemas.ts';
import type { WallTime } from '../../src/domain/values.ts';
import { newYear, release, rollout, shop } from './facts.ts';
import { type StandIn, startStandIn } from './stand-in.ts';

interface Follower {
  readonly events: { id?: string; event: string; data: unknown }[];
  readonly comments: () => number;
  readonly ended: () => boolean;
  readonly answer: IncomingMessage;
  readonly request: ClientRequest;
}

/** The machine may be busy. */
const patience = { timeout: 10_000 };
let at: StandIn;
const followers: Follower[] = [];
afterEach(async () => {
  for (const follower of followers.splice(0)) follower.request.destroy();
  await at.close();
});

/** Follows a stream on a raw connection. `read: false` never takes a byte. */
async function follow(path: string, headers: Record<string, string> = {}, read = true): Promise<Follower> {
  const events: Follower['events'] = [];
  let comments = 0;
  let ended = false;
  const request = httpRequest(`${at.url}${path}`, {
    headers: { authorization: `Bearer ${at.token}`, accept: 'text/event-stream', ...headers },
  });
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
    request.end();
  });
  request.on('error', () => undefined);
  let text = '';
  if (read) {
    answer.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        if (block.startsWith(':')) comments += 1;
        else {
          const lines = new Map(
            block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
          );
          const id = lines.get('id');
          events.push({
            event: lines.get('event') ?? '',
            data: JSON.parse(lines.get('data') ?? 'null'),
            ...(id === undefined ? {} : { id }),
          });
        }
      }
    });
  }
  answer.on('close', () => {
    ended = true;
  });
  const follower: Follower = { events, comments: () => comments, ended: () => ended, answer, request };
  followers.push(follower);
  return follower;
}

const eventOf = (number: number) => ({ type: `test.${number}`, at: (newYear + number) as WallTime, app: shop, body: { number } });

describe('a rollout that is watched', () => {
  it('is sent whenever it changes, with the output of its builds, and the stream ends with it', async () => {
    at = await startStandIn();
    const [one, two] = [release(1), release(2)];
    await at.write({ releases: [one, two], rollouts: [rollout(two, {}, { live: one })] });
    const follower = await follow('/v1/rollouts/r2/watch');
    expect(follower.answer.headers['content-type']).toContain('text/event-stream');
    await expect.poll(() => follower.events.length, patience).toBe(1);
    at.say({ service: 'web', line: 'added 12 packages' });
    await at.move('r2', { phase: 'preparing' });
    await expect.poll(() => follower.events.length, patience).toBe(3);
    await at.move('r2', { phase: 'succeeded' });
    await expect.poll(() => follower.ended(), patience).toBe(true);
    const phases = follower.events.filter((one) => one.event === 'rollout').map((one) => rolloutBody.parse(one.data).phase);
    expect(phases).toEqual(['queued', 'preparing', 'succeeded']);
    expect(follower.events.find((one) => one.event === 'log')?.data).toEqual({ service: 'web', line: 'added 12 packages' });
    expect(follower.answer.complete).toBe(true);
  });

  it('that has ended already is sent once', async () => {
    at = await startStandIn();
    const one = release(1);
    await at.write({
      releases: [one],
      rollouts: [rollout(one, { phase: 'failed', reason: { code: 'INTERNAL', message: 'It broke.' } })],
    });
    const follower = await follow('/v1/rollouts/r1/watch');
    await expect.poll(() => follower.ended(), patience).toBe(true);
    expect(follower.events.map((event) => rolloutBody.parse(event.data).reason?.message)).toEqual(['It broke.']);
  });

  it('that is unknown is a plain 404, not a stream', async () => {
    at = await startStandIn();
    expect((await follow('/v1/rollouts/r1/watch')).answer.statusCode).toBe(404);
  });

  it('is seen to move without any news from inside, by looking', async () => {
    at = await startStandIn({ limits: { pollMs: 50 }, api: { onChange: () => () => undefined } });
    const one = release(1);
    await at.write({ releases: [one], rollouts: [rollout(one)] });
    const follower = await follow('/v1/rollouts/r1/watch');
    await expect.poll(() => follower.events.length, patience).toBe(1);
    await at.move('r1', { phase: 'cancelled' });
    await expect.poll(() => follower.ended(), patience).toBe(true);
    expect(follower.events).toHaveLength(2);
  });
});

describe('events that are followed', () => {
  it('come once each and in order, what there is and what is new', async () => {
    at = await startStandIn();
    await at.write({ events: [1, 2, 3].map(eventOf) });
    const follower = await follow('/v1/events?after=0&limit=2');
    await expect.poll(() => follower.events.length, patience).toBe(3);
    await at.write({ events: [4, 5, 6, 7, 8].map(eventOf) });
    await expect.poll(() => follower.events.length, patience).toBe(8);
    expect(follower.events.map((one) => eventBody.parse(one.data).body['number'])).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('resume after the last one seen', async () => {
    at = await startStandIn();
    await at.write({ events: [1, 2, 3, 4].map(eventOf) });
    const first = await follow('/v1/events?after=0');
    await expect.poll(() => first.events.length, patience).toBe(4);
    const id = first.events[1]?.id ?? '';
    const second = await follow('/v1/events?after=0', { 'last-event-id': id });
    await expect.poll(() => second.events.length, patience).toBe(2);
    expect(second.events.map((one) => eventBody.parse(one.data).body['number'])).toEqual([3, 4]);
  });

  it('without a starting point begin with the newest', async () => {
    at = await startStandIn();
    await at.write({ events: [1, 2, 3, 4].map(eventOf) });
    const follower = await follow('/v1/events?limit=2');
    await expect.poll(() => follower.events.length, patience).toBe(2);
    await at.write({ events: [eventOf(5)] });
    await expect.poll(() => follower.events.length, patience).toBe(3);
    expect(follower.events.map((one) => eventBody.parse(one.data).body['number'])).toEqual([3, 4, 5]);
  });

  it('keep the connection alive while nothing happens', async () => {
    at = await startStandIn({ limits: { heartbeatMs: 20 } });
    const follower = await follow('/v1/events');
    await expect.poll(() => follower.comments(), patience).toBeGreaterThan(2);
  });
});

describe('a client that does not read', () => {
  it('is dropped after some heartbeats, and costs nobody else anything', async () => {
    at = await startStandIn({ limits: { streamBytes: 100_000, heartbeatMs: 200 } });
    const lazy = await follow('/v1/events?after=0', {}, false);
    const eager = await follow('/v1/events?after=0');
    const large = (number: number) => ({ ...eventOf(number), body: { number, text: 'x'.repeat(100_000) } });
    for (let number = 0; number < 100; number += 1) await at.write({ events: [large(number)] });
    await expect.poll(() => [eager.events.length, eager.ended()], { timeout: 20_000 }).toEqual([100, false]);
    const beats = eager.comments();
    await expect.poll(() => eager.comments(), { timeout: 10_000 }).toBeGreaterThan(beats + 6);
    await expectCut(lazy);
  });

  it('is dropped at once when more waits for it than allowed', async () => {
    at = await startStandIn({ limits: { streamBytes: 100_000 } });
    const one = release(1);
    await at.write({ releases: [one], rollouts: [rollout(one)] });
    const lazy = await follow('/v1/rollouts/r1/watch', {}, false);
    const eager = await follow('/v1/rollouts/r1/watch');
    await expect.poll(() => eager.events.length, patience).toBe(1);
    for (let number = 1; number <= 100; number += 1) {
      at.say({ service: 'web', line: 'x'.repeat(100_000) });
      await expect.poll(() => eager.events.length, patience).toBe(number + 1);
    }
    await expectCut(lazy);
  });
});

describe('closing', () => {
  it('ends every stream cleanly, so that clients come back to the next control plane', async () => {
    at = await startStandIn();
    const one = release(1);
    await at.write({ releases: [one], rollouts: [rollout(one)] });
    const follower = await follow('/v1/rollouts/r1/watch');
    await expect.poll(() => follower.events.length, patience).toBe(1);
    await at.restart(0);
    await expect.poll(() => follower.ended(), patience).toBe(true);
    expect(follower.answer.complete).toBe(true);
    const again = await follow('/v1/rollouts/r1/watch');
    await expect.poll(() => again.events.length, patience).toBe(1);
  });
});

describe('logs', () => {
  const workload = 'shop-production-web-000000000001';

  it('are of the release with traffic, service by service, and end when not followed', async () => {
    at = await startStandIn({
      async *logs(id) {
        yield { instance: `${id}.0` as never, text: 'listening on 3000' };
      },
    });
    const one = release(1);
    await at.write({ releases: [one], environment: {} });
    await at.write({ environment: { arms: [{ release: one.id, weight: 10_000, role: 'stable' }] } });
    const follower = await follow('/v1/apps/shop/environments/production/logs?tail=5');
    await expect.poll(() => follower.ended(), patience).toBe(true);
    expect(follower.events.map((event) => logBody.parse(event.data))).toEqual([
      { service: 'web', release: 'v1', instance: `${workload}.0`, text: 'listening on 3000' },
    ]);
  });

  it('are followed until the client goes, which ends the reading', async () => {
    let stopped = false;
    at = await startStandIn({
      async *logs(id, signal) {
        yield { instance: `${id}.0` as never, text: 'first' };
        await new Promise((resolve) => {
          signal?.addEventListener('abort', resolve);
        });
        stopped = true;
      },
    });
    await at.write({ releases: [release(1)] });
    const follower = await follow('/v1/apps/shop/environments/production/logs?follow=true&service=web');
    await expect.poll(() => follower.events.length, patience).toBe(1);
    expect(stopped).toBe(false);
    follower.request.destroy();
    await expect.poll(() => stopped, patience).toBe(true);
  });

  it('of a service that is not there name those that are', async () => {
    at = await startStandIn();
    await at.write({ releases: [release(1)] });
    const answer = await fetch(`${at.url}/v1/apps/shop/environments/production/logs?service=api`, {
      headers: { authorization: `Bearer ${at.token}` },
    });
    expect(await answer.json()).toMatchObject({
      code: 'NOT_FOUND',
      detail: 'v1 of shop/production runs no service api; it runs web.',
    });
  });
});

/** Reading at last, it finds its stream cut off in the middle. */
async function expectCut(lazy: Follower): Promise<void> {
  lazy.answer.on('error', () => undefined).resume();
  await expect.poll(() => lazy.ended(), { timeout: 10_000 }).toBe(true);
  expect(lazy.answer.complete).toBe(false);
}
