import { defaultPairs, type LoadPair } from '../../domain/load-gate.ts';
import { generateLoad, type LoadPlan } from './generate.ts';

export interface LoadComparisonPlan extends Omit<LoadPlan, 'base' | 'headers'> {
  readonly baseline: Pick<LoadPlan, 'base' | 'headers'>;
  readonly candidate: Pick<LoadPlan, 'base' | 'headers'>;
  /** Default 14: on a noisy machine fewer miss more than one in twenty releases that are 30 % slower. */
  readonly pairs?: number;
}

/**
 * The same load on both releases in turn, the first of a pair changing places, so that whatever else the machine does falls on
 * both. Each gets a round beforehand that does not count: caches and compilers warm up. Give the pairs to `judgeLoad`.
 */
export async function comparePairs(plan: LoadComparisonPlan): Promise<readonly LoadPair[]> {
  const { baseline, candidate, pairs: wanted = defaultPairs, ...load } = plan;
  await generateLoad({ ...load, ...baseline });
  await generateLoad({ ...load, ...candidate });
  const pairs: LoadPair[] = [];
  while (pairs.length < wanted) {
    if (pairs.length % 2 === 0) {
      const first = await generateLoad({ ...load, ...baseline });
      pairs.push({ baseline: first, candidate: await generateLoad({ ...load, ...candidate }) });
    } else {
      const first = await generateLoad({ ...load, ...candidate });
      pairs.push({ candidate: first, baseline: await generateLoad({ ...load, ...baseline }) });
    }
  }
  return pairs;
}
