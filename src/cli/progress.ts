import type { RolloutBody } from '../api/contract.ts';
import { duration, percent, plain } from './format.ts';
import type { Paint } from './terminal.ts';

type Step = RolloutBody['steps'][number];

export interface ProgressFacts {
  readonly body: RolloutBody;
  /** Since the rollout was asked for. */
  readonly elapsedMs: number;
  /** How long each running step has been seen to run. */
  readonly running: ReadonlyMap<string, number>;
  /** The newest line of a build or command. */
  readonly line: string | null;
  /** The control plane is away. */
  readonly lost: boolean;
  readonly columns: number;
  /** Advances a mark that shows that the terminal is alive. */
  readonly tick: number;
}

/** Shorter than this a step was not watched. */
const leastSeenMs = 50;
const spinner = ['◐', '◓', '◑', '◒'] as const;

/** The block that is drawn again and again while a person watches. Pure: what it shows is what it is given. */
export function renderProgress(facts: ProgressFacts, paint: Paint): readonly string[] {
  const { body, columns } = facts;
  const width = Math.max(16, ...body.steps.map((step) => step.name.length));
  const lines = [headline(body, paint), ...body.steps.map((step) => `  ${stepLine({ step, width, facts }, paint)}`)];
  lines.push('');
  if (body.weights.length > 0) lines.push(`  traffic   ${trafficBar(body, Math.min(40, Math.max(10, columns - 40)), paint)}`);
  const { served, dropped } = body.requests;
  const drops = dropped === 0 ? '0 dropped' : paint.red(`${dropped} dropped`);
  lines.push(`  requests  ${served} served, ${drops}`, `  elapsed   ${duration(facts.elapsedMs)}`);
  if (body.verdict !== undefined) lines.push(`  verdict   ${plain(body.verdict)}`);
  if (facts.lost) lines.push(paint.yellow('  The control plane is away; the app is not. Looking for it.'));
  else if (body.phase === 'held')
    lines.push(paint.yellow(`  held      ${plain(body.reason?.message ?? 'waiting for a person')}`));
  else if (facts.line !== null) lines.push(paint.dim(`  ${facts.line}`));
  return lines;
}

export function headline(body: RolloutBody, paint: Paint): string {
  const what = body.kind === 'rollback' ? `back to ${body.release}` : body.release;
  const source = body.sha === '' ? '' : paint.dim(`  ${body.sha.slice(0, 7)} ${plain(body.subject)}`);
  return `${paint.bold(`${body.app}/${body.environment} ${what}`)}${source}`;
}

function stepLine({ step, width, facts }: { step: Step; width: number; facts: ProgressFacts }, paint: Paint): string {
  const name = step.name.padEnd(width);
  const seen = facts.running.get(step.name) ?? 0;
  // What is over as soon as it is looked at was done beside other steps: how long that took was not seen.
  const length = step.durationMs ?? (step.state === 'done' && seen < leastSeenMs ? undefined : seen);
  const time = length === undefined ? '' : `  ${duration(length)}`;
  switch (step.state) {
    case 'done':
      return `${paint.green('✓')} ${name}${paint.dim(time)}`;
    case 'running':
      return `${paint.cyan(spinner[facts.tick % spinner.length] ?? '◐')} ${paint.bold(name)}${time}`;
    case 'failed':
      return `${paint.red('✗')} ${name}${time}`;
    case 'skipped':
      return paint.dim(`- ${name}  skipped`);
    case 'waiting':
      return paint.dim(`· ${name}`);
  }
}

/** One stretch per release; the new one is filled. */
export function trafficBar(body: RolloutBody, width: number, paint: Paint): string {
  const share = body.weights.find((weight) => weight.release === body.release)?.percent ?? 0;
  const filled = share > 0 ? Math.max(1, Math.round((share / 100) * width)) : 0;
  const labels = body.weights.map((weight) => `${weight.release} ${percent(weight.percent)}`).join(', ');
  return `${paint.green('█'.repeat(filled))}${paint.dim('░'.repeat(width - filled))} ${labels}`;
}

/** What is new since the last look, a line each: for logs and pipes. */
export function plainProgress(before: RolloutBody | null, body: RolloutBody): readonly string[] {
  const lines: string[] = [];
  if (before === null) lines.push(`${body.app}/${body.environment} ${body.release}: rollout ${body.id}`);
  const seen = new Map(before?.steps.map((step) => [step.name, step.state]));
  for (const step of body.steps) {
    if (step.state === 'waiting' || step.state === 'skipped' || seen.get(step.name) === step.state) continue;
    const time = step.state === 'running' || step.durationMs === undefined ? '' : ` (${duration(step.durationMs)})`;
    lines.push(`${step.name}: ${step.state}${time}`);
  }
  const weights = weightsOf(body);
  if (weights !== '' && (before === null ? body.weights.length > 1 : weights !== weightsOf(before)))
    lines.push(`traffic: ${weights}`);
  if (body.phase === 'held' && before?.phase !== 'held')
    lines.push(`held: ${plain(body.reason?.message ?? 'waiting for a person')}`);
  return lines;
}

const weightsOf = (body: RolloutBody): string =>
  body.weights.map((weight) => `${weight.release} ${percent(weight.percent)}`).join(', ');
