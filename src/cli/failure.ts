import type { ProblemBody } from '../api/contract.ts';
import { catalogue, type ErrorCode, SignalboxError } from '../domain/errors.ts';
import type { Terminal } from './terminal.ts';

/** 0 done · 1 refused or failed · 2 wrong usage · 3 rolled back · 4 control plane not reachable · 130 interrupted. */
export const exitCodes = { done: 0, failed: 1, usage: 2, rolledBack: 3, unreachable: 4, interrupted: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A refusal by the control plane, with the words it used: it may know codes that this version does not. */
export class RefusedError extends Error {
  readonly problem: ProblemBody;
  constructor(problem: ProblemBody) {
    super(problem.detail);
    this.name = 'RefusedError';
    this.problem = problem;
  }
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof RefusedError) {
    const { code, detail, hint, retryable, details } = error.problem;
    return { code, message: detail, hint, retryable, ...(details === undefined ? {} : { details }) };
  }
  if (error instanceof SignalboxError) return ofCode(error.code, error.message, error);
  return ofCode('INTERNAL', error instanceof Error ? (error.stack ?? error.message) : String(error));
}

function ofCode(code: ErrorCode, message: string, given?: SignalboxError): Failure {
  const details = given === undefined || Object.keys(given.details).length === 0 ? {} : { details: given.details };
  return { code, message, hint: given?.hint ?? catalogue[code].hint, retryable: catalogue[code].retryable, ...details };
}

/** Says what happened, why and what to do, on the stream it belongs to; returns the exit code. */
export function reportFailure(terminal: Terminal, error: unknown): ExitCode {
  const failure = failureOf(error);
  terminal.result({ error: failure });
  const { paint } = terminal;
  terminal.note(`${paint.red('error:')} ${failure.message}`);
  if (failure.hint !== '') terminal.note(`${paint.dim('to do:')} ${failure.hint}`);
  terminal.note(paint.dim(`code:  ${failure.code}`));
  if (failure.code === 'WRONG_USAGE') return exitCodes.usage;
  return failure.code === 'CONTROL_PLANE_UNREACHABLE' ? exitCodes.unreachable : exitCodes.failed;
}
