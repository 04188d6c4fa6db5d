import { type EdgeSpec, defaultEdge, type RateRule } from '../../src/domain/edge.ts';
import { millis } from '../../src/domain/values.ts';
import { type Answer, type Ask, ask } from './clients.ts';

/** An edge that differs from the presets in what is given. */
export const edgeOf = (given: Partial<EdgeSpec>): EdgeSpec => ({ ...defaultEdge, rates: [], ...given });

/** Five at once, one more each second, for everybody's address. */
export const rateOf = (given: Partial<RateRule> = {}): RateRule => ({
  requests: 1,
  per: millis(1_000),
  burst: 5,
  by: 'client',
  paths: ['/'],
  local: true,
  service: null,
  ...given,
});

/** A request by way of a proxy that the worker trusts (127.0.0.1). */
export const askFrom = (client: string, what: Ask): Promise<Answer> =>
  ask({ ...what, headers: { ...what.headers, 'x-forwarded-for': client } });

/** As many requests as given, one after another; their statuses. */
export async function statuses(count: number, once: () => Promise<Answer>): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < count; i += 1) all.push((await once()).status);
  return all;
}
