import type { AccessoryType } from '../../domain/accessories.ts';

/** An accessory as the file configured it: what its clients are told. */
export interface AccessoryClientFacts {
  /** Name in Compose, which is its host name there. */
  readonly host: string;
  /** Name in signalbox.yaml. */
  readonly name: string;
  readonly type: AccessoryType;
  readonly ports: readonly number[];
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
}

export interface Neighbours {
  readonly accessories: readonly AccessoryClientFacts[];
  /** Services that answer requests: name in Compose -> name in signalbox.yaml. */
  readonly services: Readonly<Record<string, string>>;
}

/** A variable of Compose in the words of signalbox.yaml. `secret`: its value is nobody's to copy. `given`: Signalbox sets it anyway. */
export type Converted =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'secret' }
  | { readonly kind: 'given'; readonly by: string };

const schemes: Readonly<Partial<Record<AccessoryType, RegExp>>> = {
  postgres: /^postgres(?:ql)?(?:\+\w+)?$/,
  redis: /^rediss?$/,
  mailcatcher: /^smtps?$/,
  pgadmin: /^https?$/,
  custom: /^https?$/,
};
const defaults: Readonly<Record<string, AccessoryType>> = {
  DATABASE_URL: 'postgres',
  REDIS_URL: 'redis',
  SMTP_URL: 'mailcatcher',
};

/** Words in a variable's name that say that its value is a secret. */
export const isSecretName = (name: string): boolean =>
  /(?:^|_)(?:SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|TOKEN|JWT|PRIVATE|CREDENTIALS?|APIKEY|API_KEY|ACCESS_KEY|SALT|DSN)(?:_|$)|(?:SECRET|PASSWORD|PASSPHRASE|TOKEN)|_KEY(?:_BASE)?$/i.test(
    name,
  );

/** What a value itself gives away, whatever its name. */
const secretValues: readonly RegExp[] = [
  // An address with a password; a number behind the colon is a port.
  /:\/\/[^\s/:@]*:(?!\d+(?:\/|$))[^\s@]+@/,
  // An address with a token before the host.
  /:\/\/[^\s/:@]{20,}@/,
  // A connection string.
  /(?:^|[;?&\s])(?:password|passwd|pwd|accountkey|sharedaccesskey|sig|api[_-]?key|secret|token)\s*=\s*[^\s;&]/i,
  // Keys in their usual form.
  /-----BEGIN|^(?:sk|pk|rk)_(?:live|test)_|^sk-[\w-]{16,}|^gh[pousr]_|^github_pat_|^glpat-|^npm_\w{30,}|^AKIA[0-9A-Z]{16}$|^AIza[\w-]{30,}|^SG\.[\w-]{16,}|^eyJ[\w-]{10,}\.|^xox[abeprs]-/,
  // Whoever has the address may post.
  /^https:\/\/(?:hooks\.slack\.com\/services|discord(?:app)?\.com\/api\/webhooks)\//,
];
export const isSecretValue = (value: string): boolean => secretValues.some((pattern) => pattern.test(value));

export const isSecret = (name: string, value: string): boolean =>
  isSecretName(name) || isSecretValue(value) || (/AUTH/i.test(name) && /^[^\s:/]+:[^\s/]+$/.test(value));

/** An option or an assignment that is given a password or the like; a reference to a variable is none. */
const optionOfSecret = /(?:pass(?:word|wd|phrase)?|secret|token|api-?key)[=\s]+['"]?[^\s'"$-]/i;

/** Of the text of a command. */
export const holdsSecret = (command: string): boolean =>
  optionOfSecret.test(command) || command.split(/[\s'"=]+/).some(isSecretValue);

/** @param all the service's variables: what stands beside a host says whose port, user or database it is. */
export function convertVariable(
  name: string,
  value: string,
  all: ReadonlyMap<string, string>,
  neighbours: Neighbours,
): Converted {
  const address = addressIn(name, value, neighbours);
  if (address !== undefined) return address;
  const beside = neighbours.accessories.find((one) => isBesideHost(name, all, one));
  const field = beside === undefined ? undefined : fieldOf(name, value, beside);
  if (beside !== undefined && field !== undefined) return { kind: 'value', value: `\${accessories.${beside.name}.${field}}` };
  const password = neighbours.accessories.find((one) => one.password !== undefined && one.password === value && value !== '');
  if (password !== undefined && isSecretName(name)) return { kind: 'value', value: `\${accessories.${password.name}.password}` };
  if (value !== '' && isSecret(name, value)) return { kind: 'secret' };
  return { kind: 'value', value };
}

function addressIn(name: string, value: string, { accessories, services }: Neighbours): Converted | undefined {
  const url = /^([a-z][a-z0-9+.-]*):\/\/(?:[^\s/@]*@)?([\w.-]+)(?::(\d+))?([/?#]\S*)?$/i.exec(value);
  if (url !== null) {
    const [, scheme = '', host = '', , rest = ''] = url;
    const accessory = accessories.find((one) => one.host === host);
    if (accessory !== undefined && schemes[accessory.type]?.test(scheme) === true)
      return urlOf(name, { accessory, scheme, rest }, accessories);
    const service = Object.hasOwn(services, host) ? services[host] : undefined;
    if (service !== undefined && /^https?$/.test(scheme))
      return { kind: 'value', value: `\${services.${service}.url}${rest === '/' ? '' : rest}` };
    return undefined;
  }
  const [, host = '', port] = /^([\w.-]+)(?::(\d+))?$/.exec(value) ?? [];
  const accessory = accessories.find((one) => one.host === host);
  if (accessory === undefined || (port === undefined && !/HOST|SERVER|ADDR|URL|ENDPOINT/i.test(name))) return undefined;
  const at = `\${accessories.${accessory.name}.host}`;
  return { kind: 'value', value: port === undefined ? at : `${at}:\${accessories.${accessory.name}.port}` };
}

function urlOf(
  name: string,
  { accessory, scheme, rest }: { accessory: AccessoryClientFacts; scheme: string; rest: string },
  all: readonly AccessoryClientFacts[],
): Converted {
  const { type } = accessory;
  const of = (field: string): string => `\${accessories.${accessory.name}.${field}}`;
  const query = /[?#].*$/.exec(rest)?.[0] ?? '';
  if (type === 'postgres') {
    const first = all.find((one) => one.type === 'postgres') === accessory;
    if (/^postgres(?:ql)?$/.test(scheme) && query === '' && first && name === 'DATABASE_URL')
      return { kind: 'given', by: accessory.name };
    if (/^postgres(?:ql)?$/.test(scheme)) return { kind: 'value', value: `${of('url')}${query}` };
    return {
      kind: 'value',
      value: `${scheme}://${of('user')}:${of('password')}@${of('host')}:${of('port')}/${of('database')}${query}`,
    };
  }
  if (defaults[name] === type && (rest === '' || rest === '/') && all.find((one) => one.type === type) === accessory)
    return { kind: 'given', by: accessory.name };
  return { kind: 'value', value: `${of('url')}${rest === '/' ? '' : rest}` };
}

/** `DB_PORT` beside `DB_HOST: db`. */
function isBesideHost(name: string, all: ReadonlyMap<string, string>, accessory: AccessoryClientFacts): boolean {
  const prefix = /^(.*?)_?(?:PORT|USER|USERNAME|PASSWORD|PASS|DB|NAME|DATABASE)$/i.exec(name)?.[1];
  if (prefix === undefined) return false;
  return [...all].some(
    ([other, value]) =>
      value.split(':')[0] === accessory.host && new RegExp(`^${prefix}_?(?:HOST|HOSTNAME|SERVER|ADDR)$`, 'i').test(other),
  );
}

function fieldOf(name: string, value: string, accessory: AccessoryClientFacts): string | undefined {
  if (/PORT$/i.test(name)) return accessory.ports.includes(Number(value)) ? 'port' : undefined;
  if (/PASS(?:WORD)?$/i.test(name)) return accessory.type === 'mailcatcher' ? undefined : 'password';
  if (accessory.type !== 'postgres') return undefined;
  if (/USER(?:NAME)?$/i.test(name)) return value === accessory.user ? 'user' : undefined;
  return value === accessory.database ? 'database' : undefined;
}
