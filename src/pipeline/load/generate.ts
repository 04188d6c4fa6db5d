import { createHistogram } from 'node:perf_hooks';
import { Agent, request } from 'undici';
import type { LoadRound } from '../../domain/load-gate.ts';

/** What is asked for, and how often compared with the others. */
export interface LoadRoute {
  readonly path: string;
  /** At least 1; default 1. */
  readonly weight?: number;
}

export interface LoadPlan {
  /** `http://127.0.0.1:3000` */
  readonly base: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly routes: readonly LoadRoute[];
  /** Requests per second, whether answers come or not. */
  readonly rate: number;
  readonly durationMs: number;
  /** An answer that takes longer is an error; default 10,000. */
  readonly timeoutMs?: number;
  /** Requests without an answer at a time; one more is an error at once; default 2,000. */
  readonly mostOpen?: number;
  readonly signal: AbortSignal;
}

export interface LoadResult extends LoadRound {
  readonly p90Ms: number;
  readonly maxMs: number;
  /** By status, or by the code of what went wrong. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** A request that leaves this much after its time was held up by the generator. */
const lateMs = 50;
const tickMs = 2;

/**
 * An open loop: request number n is due n / rate after the start, whatever became of those before it, and its latency counts from
 * then. A stall is so felt by every request that it kept waiting, as by the people who would have sent them. Only GET.
 * @throws what `signal` aborts with; RangeError for a plan without routes or a rate
 */
export async function generateLoad(plan: LoadPlan): Promise<LoadResult> {
  const { rate, durationMs, timeoutMs = 10_000, mostOpen = 2000, signal } = plan;
  if (!(rate > 0 && rate <= 100_000 && durationMs > 0))
    throw new RangeError(`no load can be made at ${rate}/s for ${durationMs} ms`);
  const next = inTurn(plan.routes);
  const total = Math.max(1, Math.floor((rate * durationMs) / 1000));
  const latencies = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
  const outcomes: Record<string, number> = {};
  const agent = new Agent({
    connections: mostOpen,
    pipelining: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: timeoutMs },
  });
  const seen = { open: 0, errors: 0, late: 0 };
  const running = new Set<Promise<void>>();

  const note = (outcome: string, isError: boolean, dueAt: number): void => {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (isError) seen.errors += 1;
    latencies.record(Math.max(1, Math.round((performance.now() - dueAt) * 1000)));
  };
  const send = async (dueAt: number): Promise<void> => {
    try {
      const answer = await request(new URL(next(), plan.base), {
        dispatcher: agent,
        headers: { 'user-agent': 'signalbox-load', ...plan.headers },
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      await answer.body.dump({ limit: Number.MAX_SAFE_INTEGER });
      note(String(answer.statusCode), answer.statusCode >= 500, dueAt);
    } catch (error) {
      const { code, name } = error as { code?: string; name?: string };
      note(typeof code === 'string' ? code : (name ?? 'error'), true, dueAt);
    }
  };

  try {
    const start = performance.now();
    for (let sent = 0; sent < total; ) {
      signal.throwIfAborted();
      const now = performance.now();
      const due = Math.min(total, Math.floor(((now - start) * rate) / 1000) + 1);
      for (; sent < due; sent += 1) {
        const dueAt = start + (sent * 1000) / rate;
        if (now - dueAt > lateMs) seen.late += 1;
        if (seen.open >= mostOpen) {
          note('too-many-open', true, dueAt);
          continue;
        }
        seen.open += 1;
        const one = send(dueAt).finally(() => {
          seen.open -= 1;
          running.delete(one);
        });
        running.add(one);
      }
      if (sent < total) await new Promise((resolve) => setTimeout(resolve, tickMs));
    }
    await Promise.all(running);
    signal.throwIfAborted();
  } finally {
    await agent.destroy();
  }
  const ms = (percentile: number): number => latencies.percentile(percentile) / 1000;
  return {
    requests: total,
    errors: seen.errors,
    late: seen.late,
    p50Ms: ms(50),
    p90Ms: ms(90),
    p99Ms: ms(99),
    maxMs: latencies.max / 1000,
    outcomes,
  };
}

/** Each route as often as its weight says, spread evenly and the same in every run. */
export function inTurn(routes: readonly LoadRoute[]): () => string {
  if (routes.length === 0) throw new RangeError('a load needs at least one route');
  const turns = routes.map(({ path, weight = 1 }) => ({ path, weight: Math.max(1, weight), credit: 0 }));
  const sum = turns.reduce((all, { weight }) => all + weight, 0);
  return () => {
    for (const turn of turns) turn.credit += turn.weight;
    const chosen = turns.reduce((best, turn) => (turn.credit > best.credit ? turn : best));
    chosen.credit -= sum;
    return chosen.path;
  };
}
