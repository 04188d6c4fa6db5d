import type { RolloutBody } from '../api/contract.ts';
import { type ExitCode, exitCodes } from './failure.ts';
import { duration, plain } from './format.ts';
import { logHint } from './log-hint.ts';
import type { Paint } from './terminal.ts';

/** The final object of `deploy --json` and `rollback --json`; a contract with scripts. */
export interface Outcome {
  readonly rolloutId: string;
  readonly app: string;
  readonly environment: string;
  readonly release: string;
  readonly from: string | null;
  readonly sha: string;
  readonly phase: string;
  readonly live: boolean;
  readonly durationMs: number;
  /** Last required check passed -> commit acknowledged by every worker; null when no traffic was moved. */
  readonly switchMs: number | null;
  readonly restoreMs: number | null;
  readonly requests: RolloutBody['requests'];
  readonly promotedFrom?: RolloutBody['promotedFrom'] & object;
  readonly reason?: RolloutBody['reason'] & object;
  readonly steps: RolloutBody['steps'];
  /** It was no longer waited for. */
  readonly detached?: true;
}

export function outcomeOf(body: RolloutBody, detached = false): Outcome {
  const { id, app, environment, release, from, sha, phase, live, durationMs, switchMs, restoreMs, requests, reason, steps } =
    body;
  return {
    rolloutId: id,
    app,
    environment,
    release,
    from,
    sha,
    phase,
    live,
    durationMs,
    switchMs,
    restoreMs,
    requests,
    ...(body.promotedFrom === undefined ? {} : { promotedFrom: body.promotedFrom }),
    ...(reason === undefined ? {} : { reason }),
    steps,
    ...(detached ? { detached } : {}),
  };
}

export function exitCodeOf(body: RolloutBody, until: 'end' | 'live'): ExitCode {
  if (body.phase === 'succeeded' || (until === 'live' && body.live && !body.ended)) return exitCodes.done;
  return body.phase === 'rolled-back' ? exitCodes.rolledBack : exitCodes.failed;
}

/** The last words on a rollout for people: what happened, why, how traffic fared, what to do. */
export function describeOutcome(body: RolloutBody, paint: Paint): readonly string[] {
  const { served, dropped } = body.requests;
  const traffic = `${served} requests served, ${dropped === 0 ? '0 dropped' : paint.red(`${dropped} dropped`)}`;
  const why = body.reason === undefined ? [] : explain(body);
  switch (body.phase) {
    case 'succeeded':
      return [
        `${paint.green('✓')} ${body.release} is live and proven after ${duration(body.durationMs)}${switched(body)}; ${traffic}.`,
      ];
    case 'rolled-back':
      return [
        `${paint.red('✗')} ${body.release} was rolled back${restored(body)}; ${body.from ?? 'nothing'} has all traffic. ${traffic}.`,
        ...why,
      ];
    case 'failed':
      return [`${paint.red('✗')} ${body.release} failed before it had any traffic; ${unchanged(body)} ${traffic}.`, ...why];
    case 'cancelled':
      return [`${paint.yellow('-')} ${body.release} was cancelled before it had any traffic; ${unchanged(body)}`, ...why];
    case 'superseded':
      return [`${paint.yellow('-')} ${body.release} was superseded by a newer deploy.`, ...why];
    case 'held':
      return [
        `${paint.yellow('!')} ${body.release} is held and waits for a person; ${traffic}.`,
        ...why,
        '  Go on with `signalbox promote` or `signalbox resume`, or undo it with `signalbox abort`.',
      ];
    default:
      return [
        `${paint.green('✓')} ${body.release} has all traffic after ${duration(body.durationMs)}${switched(body)}; ${traffic}.`,
        ...why,
      ];
  }
}

function explain(body: RolloutBody): readonly string[] {
  const { reason } = body;
  if (reason === undefined) return [];
  const isNamed =
    reason.service === undefined ||
    plain(reason.message)
      .split(/[^\w-]+/)
      .includes(reason.service);
  const where = isNamed ? '' : `${reason.service}: `;
  const log = reason.log ?? [];
  const hint = logHint(log);
  return [
    `  why:  ${where}${plain(reason.message)} [${reason.code}]`,
    ...(log.length === 0 ? [] : ['  its last lines:', ...log.map((line) => `    | ${plain(line)}`)]),
    ...(hint === undefined ? [] : [`  to do: ${plain(hint)}`]),
  ];
}

const switched = (body: RolloutBody): string => (body.switchMs === null ? '' : ` (switch ${duration(body.switchMs)})`);
const restored = (body: RolloutBody): string => (body.restoreMs === null ? '' : ` in ${duration(body.restoreMs)}`);
const unchanged = (body: RolloutBody): string => (body.from === null ? 'nothing was changed.' : `${body.from} goes on serving.`);
