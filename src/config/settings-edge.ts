import { SignalboxError } from '../domain/errors.ts';
import { parseDuration } from './duration.ts';

/** What holds for every client before it is known which app it wants. A setting that is not given is left out: the proxy has the defaults. */
export interface EdgeSettings {
  /** SIGNALBOX_HEADERS_TIMEOUT: how long a request's head may take. Default 10s. */
  readonly headersTimeoutMs?: number;
  /** SIGNALBOX_IDLE_TIMEOUT: how long a connection may rest between two requests. Default 75s. */
  readonly keepAliveTimeoutMs?: number;
  /** SIGNALBOX_MAX_HEADERS: size of a request's head. Default 64KiB. */
  readonly maxHeaderBytes?: number;
  /** SIGNALBOX_MAX_CONNECTIONS: clients' connections of each proxy worker. Default 10000. */
  readonly maxConnections?: number;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** @throws BAD_SETTING */
export function readEdgeSettings(variables: Variables): EdgeSettings {
  return {
    ...given(variables, 'SIGNALBOX_HEADERS_TIMEOUT', {
      key: 'headersTimeoutMs',
      read: duration,
      least: 1_000,
      most: 600_000,
      expected: 'a duration from 1s to 10m',
    }),
    ...given(variables, 'SIGNALBOX_IDLE_TIMEOUT', {
      key: 'keepAliveTimeoutMs',
      read: duration,
      least: 1_000,
      most: 3_600_000,
      expected: 'a duration from 1s to 1h',
    }),
    ...given(variables, 'SIGNALBOX_MAX_HEADERS', {
      key: 'maxHeaderBytes',
      read: kibibytes,
      least: 4 * 1024,
      most: 1024 * 1024,
      expected: 'a size from 4KiB to 1024KiB',
    }),
    ...given(variables, 'SIGNALBOX_MAX_CONNECTIONS', {
      key: 'maxConnections',
      read: whole,
      least: 16,
      most: 1_000_000,
      expected: 'a whole number from 16 to 1000000',
    }),
  };
}

interface Rule<Key extends keyof EdgeSettings> {
  readonly key: Key;
  readonly read: (text: string) => number | undefined;
  readonly least: number;
  readonly most: number;
  readonly expected: string;
}

function given<Key extends keyof EdgeSettings>(variables: Variables, name: string, rule: Rule<Key>): EdgeSettings {
  const text = variables[name]?.trim() ?? '';
  if (text === '') return {};
  const value = rule.read(text);
  if (value === undefined || value < rule.least || value > rule.most)
    throw new SignalboxError('BAD_SETTING', `${name} is ${JSON.stringify(text)}; expected ${rule.expected}.`, {
      details: { variable: name },
    });
  return { [rule.key]: value };
}

const duration = (text: string): number | undefined => parseDuration(text);
const kibibytes = (text: string): number | undefined => {
  const count = /^(\d{1,6})KiB$/.exec(text)?.[1];
  return count === undefined ? undefined : Number(count) * 1024;
};
const whole = (text: string): number | undefined => (/^\d{1,7}$/.test(text) ? Number(text) : undefined);
