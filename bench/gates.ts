/**
 * bench:gates: how often each rule rolls back a healthy release and promotes a broken one, when traffic is small.
 * `node bench/run.js gates [--quick]`: 10,000 simulated rollouts per cell, the same seed for a cell each time. --quick makes
 * 1,000, too few to judge the bars by.
 * Exits 1 when one of our rows misses a bar.
 */
import { writeFile } from 'node:fs/promises';
import { bakeVerdict, observeBake, openBakeWatch } from '../src/domain/bake-watch.ts';
import { type Counts, gateVerdict, observeGate, openGate } from '../src/domain/gate.ts';
import { instant } from '../src/domain/values.ts';

const quick = process.argv.includes('--quick');
const runs = quick ? 1000 : 10_000;
/** Requests a minute that reach the canary; stable gets nine times as many, the promoted release all of them. */
const rates = [2, 5, 60] as const;
const releases = { healthy: 0.005, regressed: 0.03, broken: 0.2, dead: 1 } as const;
const stableErrorRate = 0.005;
const bars = { falseRollback: 0.01, brokenPromoted: 0.05, deadWithin: 3 };

type Ending = 'promoted' | 'rolled back' | 'held';

interface Outcome {
  readonly ending: Ending;
  readonly minutes: number;
  /** Requests that the new release answered before the rule ended the rollout. */
  readonly requests: number;
}

/** A simulated release under Poisson traffic. */
class Traffic {
  #random: () => number;
  readonly perMinute: number;
  readonly errorRate: number;
  requests = 0;

  constructor(options: { random: () => number; perMinute: number; errorRate: number }) {
    this.#random = options.random;
    this.perMinute = options.perMinute;
    this.errorRate = options.errorRate;
  }

  /** What the new release answers in `seconds` at `share` times the canary's rate. */
  during(seconds: number, share = 1): Counts {
    const seen = this.#draw((seconds * this.perMinute * share) / 60, this.errorRate);
    this.requests += seen.requests;
    return seen;
  }

  stableDuring(seconds: number): Counts {
    return this.#draw((seconds * this.perMinute * 9) / 60, stableErrorRate);
  }

  /** Seconds until the next canary request. */
  gap(): number {
    return (-Math.log1p(-this.#random()) * 60) / this.perMinute;
  }

  request(): Counts {
    this.requests += 1;
    return { requests: 1, errors: this.#random() < this.errorRate ? 1 : 0 };
  }

  #draw(mean: number, errorRate: number): Counts {
    let requests = -1;
    for (let t = 0; t < mean; requests += 1) t += -Math.log1p(-this.#random());
    requests = Math.max(0, requests);
    let errors = 0;
    for (let i = 0; i < requests; i += 1) if (this.#random() < errorRate) errors += 1;
    return { requests, errors };
  }
}

interface Rule {
  readonly name: string;
  readonly says: string;
  /** True: the row has to meet the bars. */
  readonly ours?: boolean;
  run(traffic: Traffic): Outcome;
}

const spec = { alpha: 0.005, beta: 0.05, p0Floor: 0.01, p1Floor: 0.2 };
const baseline: Counts = { requests: 1000, errors: 1000 * stableErrorRate };

/** One gate: every request is judged as it comes; after 30 minutes without a verdict it holds. */
function gate(traffic: Traffic, steps: number): { verdict: 'pass' | 'fail' | 'held'; seconds: number } {
  let state = openGate({ spec, baseline, steps });
  let seconds = 0;
  while (seconds < 30 * 60) {
    const gap = traffic.gap();
    seconds += gap;
    const now = instant(seconds * 1000);
    state = observeGate(state, { canary: traffic.request(), stable: traffic.stableDuring(gap), at: now, observing: true });
    const { kind } = gateVerdict(state, now);
    if (kind === 'pass' || kind === 'fail') return { verdict: kind, seconds };
  }
  return { verdict: 'held', seconds };
}

/** A bake at full traffic, looked at every second. */
function bake(traffic: Traffic, minutes: number): { failed: boolean; seconds: number } {
  let watch = openBakeWatch({ spec, baseline });
  for (let second = 1; second <= minutes * 60; second += 1) {
    watch = observeBake(watch, traffic.during(1, 10));
    if (bakeVerdict(watch).kind === 'fail') return { failed: true, seconds: second };
  }
  return { failed: false, seconds: minutes * 60 };
}

function canary(traffic: Traffic, shape: { steps: number; bakeMinutes: number }): Outcome {
  let seconds = 0;
  const end = (ending: Ending): Outcome => ({ ending, minutes: seconds / 60, requests: traffic.requests });
  for (let step = 0; step < shape.steps; step += 1) {
    const judged = gate(traffic, shape.steps);
    seconds += judged.seconds;
    if (judged.verdict !== 'pass') return end(judged.verdict === 'fail' ? 'rolled back' : 'held');
  }
  const baked = bake(traffic, shape.bakeMinutes);
  seconds += baked.seconds;
  return end(baked.failed ? 'rolled back' : 'promoted');
}

/**
 * Argo Rollouts' documented rule: measurements of the success rate over a window; a measurement below the limit is a failed
 * one, more than `failureLimit` of them abort; a window without requests is an error, more than four in a row abort.
 */
function argo(traffic: Traffic, analysis: { intervalMinutes: number; measurements: number; failureLimit: number }): Outcome {
  let failed = 0;
  let errorsInARow = 0;
  for (let i = 1; i <= analysis.measurements; i += 1) {
    const seen = traffic.during(analysis.intervalMinutes * 60);
    errorsInARow = seen.requests === 0 ? errorsInARow + 1 : 0;
    if (seen.requests > 0 && 1 - seen.errors / seen.requests < 0.95) failed += 1;
    if (failed > analysis.failureLimit || errorsInARow > 4) {
      return { ending: 'rolled back', minutes: i * analysis.intervalMinutes, requests: traffic.requests };
    }
  }
  return { ending: 'promoted', minutes: analysis.measurements * analysis.intervalMinutes, requests: traffic.requests };
}

/**
 * Flagger's documented rule: at each interval the success rate of the last minute has to be at least 99 %; a check that passes
 * raises the weight, one that fails (or finds no requests) is counted, and `threshold` of them roll back.
 */
function flagger(traffic: Traffic, analysis: { intervalSeconds: number; threshold: number; advances: number }): Outcome {
  const window: Counts[] = [];
  const kept = 60 / analysis.intervalSeconds;
  let passed = 0;
  let failed = 0;
  let checks = 0;
  while (passed < analysis.advances && failed < analysis.threshold) {
    window.push(traffic.during(analysis.intervalSeconds));
    if (window.length > kept) window.shift();
    const requests = window.reduce((sum, w) => sum + w.requests, 0);
    const errors = window.reduce((sum, w) => sum + w.errors, 0);
    if (requests > 0 && 1 - errors / requests >= 0.99) passed += 1;
    else failed += 1;
    checks += 1;
  }
  const minutes = (checks * analysis.intervalSeconds) / 60;
  return { ending: failed >= analysis.threshold ? 'rolled back' : 'promoted', minutes, requests: traffic.requests };
}

const rules: readonly Rule[] = [
  {
    name: 'signalbox, 1 gate',
    says: 'one gate (sequential test per request, held after 30 min), no bake',
    ours: true,
    run: (traffic) => canary(traffic, { steps: 1, bakeMinutes: 0 }),
  },
  {
    name: 'signalbox, 2 gates + bake',
    says: 'two gates, then a bake of 10 min at full traffic',
    ours: true,
    run: (traffic) => canary(traffic, { steps: 2, bakeMinutes: 10 }),
  },
  {
    name: 'signalbox, bake only',
    says: 'blue-green: all traffic at once, a bake of 10 min with a look every second (for comparison, no bar)',
    run: (traffic) => canary(traffic, { steps: 0, bakeMinutes: 10 }),
  },
  {
    name: 'Argo Rollouts, 5m/3',
    says: 'interval 5m, success rate >= 95 %, failureLimit 3, during 40 min of weight steps',
    run: (traffic) => argo(traffic, { intervalMinutes: 5, measurements: 8, failureLimit: 3 }),
  },
  {
    name: 'Argo Rollouts, 1m/0',
    says: 'interval 1m, success rate >= 95 %, failureLimit 0 (its default), 10 measurements',
    run: (traffic) => argo(traffic, { intervalMinutes: 1, measurements: 10, failureLimit: 0 }),
  },
  {
    name: 'Flagger, 1m/5',
    says: 'interval 1m, threshold 5, stepWeight 10 to maxWeight 50, success rate >= 99 %',
    run: (traffic) => flagger(traffic, { intervalSeconds: 60, threshold: 5, advances: 5 }),
  },
  {
    name: 'Flagger, 10s/10',
    says: 'interval 10s, threshold 10, stepWeight 5 to maxWeight 50, success rate >= 99 % over 1m',
    run: (traffic) => flagger(traffic, { intervalSeconds: 10, threshold: 10, advances: 10 }),
  },
];

interface Cell {
  readonly rule: string;
  readonly perMinute: number;
  readonly release: keyof typeof releases;
  readonly promoted: number;
  readonly rolledBack: number;
  readonly held: number;
  readonly medianMinutes: number;
  /** Requests answered by the new release before the end. */
  readonly requests: { readonly median: number; readonly p999: number; readonly max: number };
}

function simulate(rule: Rule, perMinute: number, release: keyof typeof releases): Cell {
  const random = seeded(20_261_122 + 1000 * perMinute + Math.round(100 * releases[release]));
  const outcomes = Array.from({ length: runs }, () => rule.run(new Traffic({ random, perMinute, errorRate: releases[release] })));
  const share = (ending: Ending): number => outcomes.filter((o) => o.ending === ending).length / runs;
  const requests = outcomes.map((o) => o.requests).sort((a, b) => a - b);
  const minutes = outcomes.map((o) => o.minutes).sort((a, b) => a - b);
  return {
    rule: rule.name,
    perMinute,
    release,
    promoted: share('promoted'),
    rolledBack: share('rolled back'),
    held: share('held'),
    medianMinutes: quantile(minutes, 0.5),
    requests: { median: quantile(requests, 0.5), p999: quantile(requests, 0.999), max: quantile(requests, 1) },
  };
}

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;

/** Numbers in 0..1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

const header = [
  'rule',
  'per min',
  'healthy rolled back',
  'held',
  '3 % rolled back',
  '20 % promoted',
  'dead promoted',
  'dead: requests (median/p99.9/max)',
  'minutes',
];

function row(cells: readonly Cell[]): string[] {
  const of = (release: keyof typeof releases): Cell => cells.find((c) => c.release === release) as Cell;
  const { healthy, regressed, broken, dead } = {
    healthy: of('healthy'),
    regressed: of('regressed'),
    broken: of('broken'),
    dead: of('dead'),
  };
  return [
    healthy.rule,
    String(healthy.perMinute),
    percent(healthy.rolledBack),
    percent(healthy.held),
    percent(regressed.rolledBack),
    percent(broken.promoted),
    percent(dead.promoted),
    `${dead.requests.median}/${dead.requests.p999}/${dead.requests.max}`,
    healthy.medianMinutes.toFixed(1),
  ];
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = header.map((_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length)));
  return rows
    .map((r) => r.map((c, i) => (i === 0 ? c.padEnd(widths[i] ?? 0) : c.padStart(widths[i] ?? 0))).join('  '))
    .join('\n');
}

function missed(cell: Cell): string[] {
  const where = `${cell.rule} at ${cell.perMinute}/min`;
  const found: string[] = [];
  if (cell.release === 'healthy' && cell.rolledBack > bars.falseRollback)
    found.push(`${where}: rolls back ${percent(cell.rolledBack)} of the healthy`);
  if (cell.release === 'broken' && cell.promoted > bars.brokenPromoted)
    found.push(`${where}: promotes ${percent(cell.promoted)} of the broken`);
  if (cell.release === 'dead' && (cell.requests.p999 > bars.deadWithin || cell.rolledBack < 1)) {
    found.push(`${where}: a dead release gets ${cell.requests.p999} requests`);
  }
  return found;
}

const startedAt = performance.now();
const cells = rules.flatMap((rule) =>
  rates.flatMap((rate) => (Object.keys(releases) as (keyof typeof releases)[]).map((release) => simulate(rule, rate, release))),
);
const rows = rules.flatMap((rule) => rates.map((rate) => row(cells.filter((c) => c.rule === rule.name && c.perMinute === rate))));
const failures = cells.filter((cell) => rules.some((rule) => rule.ours && rule.name === cell.rule)).flatMap(missed);

process.stdout.write(
  `${runs} simulated rollouts per cell, stable fails ${percent(stableErrorRate)}; healthy fails 0.5 %, dead 100 %\n\n`,
);
process.stdout.write(`${table([header, ...rows])}\n\n`);
for (const rule of rules) process.stdout.write(`${rule.name}: ${rule.says}\n`);
const judgement = quick ? 'not judged by so few' : failures.length === 0 ? 'met' : 'MISSED';
process.stdout.write(
  `\nbars: healthy rolled back <= 1 %, 20 %-broken promoted <= 5 %, dead stopped within 3 requests (in 99.9 %; the rest waits for stable, which has just failed too): ${judgement}\n`,
);
if (!quick) for (const failure of failures) process.stdout.write(`  ${failure}\n`);
process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1)} s; written to bench/results/gates.json\n`);
await writeFile(
  'bench/results/gates.json',
  `${JSON.stringify({ bench: 'gates', runs, bars, met: quick ? null : failures.length === 0, rules: rules.map(({ name, says }) => ({ name, says })), cells }, null, 2)}\n`,
);
process.exitCode = quick || failures.length === 0 ? 0 : 1;
