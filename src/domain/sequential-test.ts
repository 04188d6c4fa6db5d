/**
 * Wald's sequential probability ratio test for an error rate: after any number of requests it either accepts "the rate is at
 * most p0", rejects it in favour of "the rate is at least p1", or asks for more. No window, no minimum sample.
 *
 * With k failures among n trials the log likelihood ratio is
 *   llr = k ln(p1/p0) + (n - k) ln((1 - p1)/(1 - p0));
 * reject when llr >= ln((1 - beta)/alpha), accept when llr <= ln(beta/(1 - alpha)).
 * Source: A. Wald, "Sequential Tests of Statistical Hypotheses", Annals of Mathematical Statistics 16 (1945), 117-186,
 * sections 3.2 (the bounds) and 5.3 (the binomial case). The real error rates are at most alpha/(1 - beta) and
 * beta/(1 - alpha), whenever and in whatever batches one looks.
 */
export interface SequentialTest {
  /** Failure rate held to be normal, 0 < p0 < p1. */
  readonly p0: number;
  /** Failure rate held to be broken, p0 < p1 < 1. */
  readonly p1: number;
  /** Probability of rejecting at p0. */
  readonly alpha: number;
  /** Probability of accepting at p1. */
  readonly beta: number;
  /** Trials counted so far; a decided test counts no further. */
  readonly trials: number;
  readonly failures: number;
  readonly verdict: TestVerdict;
}

export type TestVerdict = 'accept' | 'reject' | 'undecided';

/** How many trials were made, and how many of them failed. */
export interface Trials {
  readonly trials: number;
  readonly failures: number;
}

/** Throws RangeError unless 0 < p0 < p1 < 1, alpha > 0, beta > 0 and alpha + beta < 1: with anything else the bounds mean nothing. */
export function openTest(rates: { p0: number; p1: number; alpha: number; beta: number }): SequentialTest {
  const { p0, p1, alpha, beta } = rates;
  if (!(p0 > 0 && p0 < p1 && p1 < 1)) throw new RangeError(`a sequential test needs 0 < p0 < p1 < 1, not p0 ${p0} and p1 ${p1}`);
  if (!(alpha > 0 && beta > 0 && alpha + beta < 1)) {
    throw new RangeError(`a sequential test needs alpha > 0, beta > 0 and alpha + beta < 1, not ${alpha} and ${beta}`);
  }
  return { p0, p1, alpha, beta, trials: 0, failures: 0, verdict: 'undecided' };
}

/**
 * Adds a batch, judged at its end, so that the order within it does not matter. Once decided, the verdict stays and further
 * batches are not counted. Throws RangeError for counts that are not whole, negative, or have more failures than trials.
 */
export function observe(test: SequentialTest, batch: Trials): SequentialTest {
  requireCounts(batch);
  if (test.verdict !== 'undecided' || batch.trials === 0) return test;
  const trials = test.trials + batch.trials;
  const failures = test.failures + batch.failures;
  const llr = logLikelihoodRatio(test, { trials, failures });
  const verdict = llr >= rejectBound(test) ? 'reject' : llr <= acceptBound(test) ? 'accept' : 'undecided';
  return { ...test, trials, failures, verdict };
}

export const verdictOf = (test: SequentialTest): TestVerdict => test.verdict;

/** Trials without a failure until the test accepts; 0 once it is decided. */
export function moreNeeded(test: SequentialTest): number {
  if (test.verdict !== 'undecided') return 0;
  const accepts = (more: number): boolean =>
    logLikelihoodRatio(test, { trials: test.trials + more, failures: test.failures }) <= acceptBound(test);
  const perTrial = Math.log((1 - test.p0) / (1 - test.p1));
  // The division can miss a whole number by its last bit; the bound itself has the last word.
  let more = Math.max(1, Math.floor((logLikelihoodRatio(test, test) - acceptBound(test)) / perTrial));
  while (!accepts(more)) more += 1;
  return more;
}

/** In nats. Computed from the totals, so that batches of any size give the same number. */
export function logLikelihoodRatio(rates: { readonly p0: number; readonly p1: number }, seen: Trials): number {
  const { p0, p1 } = rates;
  return seen.failures * Math.log(p1 / p0) + (seen.trials - seen.failures) * Math.log((1 - p1) / (1 - p0));
}

export const rejectBound = (rates: { readonly alpha: number; readonly beta: number }): number =>
  Math.log((1 - rates.beta) / rates.alpha);

export const acceptBound = (rates: { readonly alpha: number; readonly beta: number }): number =>
  Math.log(rates.beta / (1 - rates.alpha));

/** Whole, not negative, and no more failures than trials. */
export function areCounts({ trials, failures }: Trials): boolean {
  return Number.isSafeInteger(trials) && Number.isSafeInteger(failures) && failures >= 0 && failures <= trials;
}

/** Throws RangeError: a wrong count would silently turn into a wrong verdict. */
export function requireCounts(batch: Trials): void {
  if (!areCounts(batch)) throw new RangeError(`${batch.failures} failures of ${batch.trials} trials is not a count`);
}
