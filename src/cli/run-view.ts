import { setTimeout as pause } from 'node:timers/promises';
import type { RunBody, RunStepBody } from '../api/contract.ts';
import { SignalboxError } from '../domain/errors.ts';
import type { ApiClient } from './client.ts';
import { type ExitCode, exitCodes, RefusedError } from './failure.ts';
import { duration, plain } from './format.ts';
import type { Invocation } from './invocation.ts';
import { patienceMs, isPassing } from './patience.ts';
import type { Paint, Terminal } from './terminal.ts';

/** Follows a run to its end and says how it went. Ctrl-C stops the watching, never the run. */
export async function watchRun({ terminal }: Invocation, api: ApiClient, id: string): Promise<ExitCode> {
  const interrupt = new AbortController();
  const onInterrupt = (): void => interrupt.abort();
  process.on('SIGINT', onInterrupt);
  let before: RunBody | null = null;
  try {
    const body = await follow(api, {
      id,
      signal: interrupt.signal,
      onRun: (seen) => {
        for (const line of changes(before, seen, terminal.paint)) terminal.say(line);
        before = seen;
      },
      onLine: ({ step, line }) => terminal.say(terminal.paint.dim(`  ${step} | ${plain(line)}`)),
    });
    if (body === null) {
      terminal.result({ runId: id, detached: true });
      terminal.say(`Not watching any more; the run goes on. Follow it with \`signalbox runs show ${id} --follow\`.`);
      return exitCodes.interrupted;
    }
    terminal.result(body);
    for (const line of describeRun(body, terminal)) terminal.say(line);
    return exitOf(body);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

export const exitOf = ({ phase }: RunBody): ExitCode => (phase === 'succeeded' ? exitCodes.done : exitCodes.failed);

/** What is new since the last state, a line each. */
export function changes(before: RunBody | null, now: RunBody, paint: Paint): readonly string[] {
  const steps = now.steps.flatMap((step, index) => {
    const was = before?.steps[index];
    return was?.state === step.state && was.tries === step.tries ? [] : stepLine(step, paint);
  });
  const deploys = now.deploys.flatMap(({ environment, state, rolloutId }, index) => {
    if (before?.deploys[index]?.state === state) return [];
    if (state === 'asked') return [`${paint.cyan('→')} ships to ${environment} (rollout ${rolloutId ?? ''})`];
    return state === 'live' ? [`${paint.green('✓')} live in ${environment}`] : [];
  });
  return [
    ...(before === null ? [`Run ${now.id} of ${now.app} ${now.sha.slice(0, 7)} ${plain(now.subject)}`] : []),
    ...steps,
    ...deploys,
  ];
}

function stepLine(step: RunStepBody, paint: Paint): readonly string[] {
  const took = step.durationMs === undefined ? '' : ` ${duration(step.durationMs)}`;
  switch (step.state) {
    case 'waiting':
      return step.tries === 0 ? [] : [`${paint.yellow('↻')} ${step.name} failed, tried again`];
    case 'running':
      return [`${paint.cyan('▸')} ${step.name}`];
    case 'passed':
      return [`${paint.green('✓')} ${step.name}${step.cached ? ' was there already' : took}`];
    case 'failed':
      return [
        `${(step.optional ? paint.yellow : paint.red)('✗')} ${step.name} failed${took}${step.optional ? ', which is allowed' : ''}`,
      ];
    default:
      return [`${paint.dim('-')} ${step.name} ${step.state}`];
  }
}

export function describeRun(body: RunBody, { paint }: Pick<Terminal, 'paint'>): readonly string[] {
  const took = duration(body.durationMs);
  if (body.phase === 'succeeded') {
    const where = body.deploys.map(({ environment }) => environment).join(' and ');
    return [`${paint.green('✓')} ${where === '' ? 'all passed; nothing was to be shipped' : `live in ${where}`}, ${took}`];
  }
  const { reason } = body;
  return [
    `${paint.red('✗')} ${body.phase} after ${took}${reason === undefined ? '' : `: ${plain(reason.message)}`}`,
    ...(reason?.log ?? []).slice(-20).map((line) => paint.dim(`    ${plain(line)}`)),
    ...(body.deploys.some(({ state }) => state === 'live')
      ? []
      : ['  Nothing was shipped; what had the traffic before has it still.']),
    ...(reason?.step === undefined ? [] : [`  The whole output: \`signalbox runs logs ${body.id} ${reason.step}\``]),
  ];
}

interface Following {
  readonly id: string;
  readonly signal: AbortSignal;
  readonly onRun: (body: RunBody) => void;
  readonly onLine: (line: { readonly step: string; readonly line: string }) => void;
}

/** Over any number of restarts of the control plane; null when the signal aborted first. @throws CONTROL_PLANE_UNREACHABLE, RefusedError */
async function follow(api: ApiClient, { id, signal, onRun, onLine }: Following): Promise<RunBody | null> {
  let lastContact = performance.now();
  for (let wait = 100; !signal.aborted; wait = Math.min(wait * 2, 2000)) {
    try {
      for await (const { event, data } of api.events(`/v1/runs/${encodeURIComponent(id)}/watch`, { signal })) {
        lastContact = performance.now();
        wait = 100;
        if (event === 'log') onLine(data as { step: string; line: string });
        if (event !== 'run') continue;
        const seen = data as RunBody;
        onRun(seen);
        if (seen.ended) return seen;
      }
    } catch (error) {
      if (signal.aborted) break;
      if (!isPassing(error) && !(error instanceof RefusedError && error.problem.retryable)) throw error;
      if (performance.now() - lastContact > patienceMs)
        throw new SignalboxError(
          'CONTROL_PLANE_UNREACHABLE',
          `The control plane has not answered for ${Math.round(patienceMs / 1000)} s.`,
          {
            cause: error,
            hint: `The run goes on when it is back; follow it with \`signalbox runs show ${id} --follow\`.`,
          },
        );
    }
    await pause(wait, undefined, { signal }).catch(() => undefined);
  }
  return null;
}
