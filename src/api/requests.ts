import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { z } from 'zod';
import { SignalboxError } from '../domain/errors.ts';
import type { AppName, EnvironmentName, RolloutId, RunId } from '../domain/values.ts';
import { type OperationName, parameters } from './operations.ts';
import { line } from './schema-environments.ts';

/** What a request brings besides HTTP: whether it came in over the unix socket. */
export interface ApiBindings extends HttpBindings {
  readonly viaSocket: boolean;
}

export type Call = Context<{ Bindings: ApiBindings }>;

/** How each operation is answered; what goes wrong is thrown. */
export type Answers = Readonly<Record<OperationName, (call: Call) => Promise<Response>>>;

/** JSON bodies are small; anything larger is a mistake or an attack. */
export const jsonBytes = 1024 * 1024;

/**
 * @param limit in bytes.
 * @throws BAD_REQUEST naming each field that is wrong and what is expected; TOO_LARGE beyond the limit.
 */
export async function readBody<Body>(call: Call, schema: z.ZodType<Body>, limit = jsonBytes): Promise<Body> {
  const type = call.req.header('content-type') ?? '';
  if (!/^application\/json\s*(?:;|$)/i.test(type))
    throw new SignalboxError(
      'BAD_REQUEST',
      `The body has to be JSON (content-type: application/json), not ${JSON.stringify(type.slice(0, 60))}.`,
    );
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of call.env.incoming as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > limit)
      throw new SignalboxError('TOO_LARGE', `The JSON body is larger than ${Math.floor(limit / 1024 / 1024)} MiB.`);
    parts.push(part);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    throw new SignalboxError('BAD_REQUEST', 'The body is no valid JSON.');
  }
  return check(value, schema, 'The body');
}

/** @throws BAD_REQUEST for a missing, unknown or malformed query parameter. */
export const readQuery = <Query>(call: Call, schema: z.ZodType<Query>): Query => check(call.req.query(), schema, 'The query');

export const appOf = (call: Call): AppName => parameter(call, 'app') as AppName;
export const environmentOf = (call: Call): EnvironmentName => parameter(call, 'environment') as EnvironmentName;
export const rolloutOf = (call: Call): RolloutId => parameter(call, 'id') as RolloutId;
export const runOf = (call: Call): RunId => parameter(call, 'id') as unknown as RunId;
export const stepOf = (call: Call): z.output<(typeof parameters)['step']> => parameter(call, 'step');
export const nameOf = (call: Call): z.output<(typeof parameters)['name']> => parameter(call, 'name');
export const secretOf = (call: Call): z.output<(typeof parameters)['secret']> => parameter(call, 'secret');
export const actOf = (call: Call): z.output<(typeof parameters)['act']> => parameter(call, 'act');
export const verbOf = (call: Call): z.output<(typeof parameters)['verb']> => parameter(call, 'verb');

/** Who asks, as they say: `by` for a command. @throws BAD_REQUEST for what is no percent-encoded line of at most 200 characters. */
export function askerOf(call: Call): { readonly by?: string } {
  const given = call.req.header('signalbox-by');
  if (given === undefined || given === '') return {};
  return { by: check(decoded(given), line('who asks', 200), 'The header signalbox-by') };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function parameter<Name extends keyof typeof parameters>(call: Call, name: Name): z.output<(typeof parameters)[Name]> {
  const schema: z.ZodType = parameters[name];
  return check(call.req.param(name), schema, `"${name}" in the path`) as z.output<(typeof parameters)[Name]>;
}

function check<Value>(value: unknown, schema: z.ZodType<Value>, what: string): Value {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.slice(0, 5).map((issue) => {
    const where = issue.path.length === 0 ? what : `${what}: ${issue.path.join('.')}`;
    if (issue.code === 'unrecognized_keys') return `${where}: ${issue.keys.join(', ')} is not known here`;
    return `${where} has to be ${issue.message.replace(/^Invalid input: expected /, '')}`;
  });
  throw new SignalboxError('BAD_REQUEST', `${faults.join('. ')}.`);
}
