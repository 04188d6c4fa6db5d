import type { AccessoryClientFacts } from './environment.ts';
import { holdsSecret, isSecret, isSecretName } from './environment.ts';
import { imageParts, knownImage } from './images.ts';
import { commandOf, listOf, mountOf, pairsOf, portOf, type Values } from './shapes.ts';

/** An accessory in the words of signalbox.yaml, what its clients are told, and what does not carry over. */
export interface FoundAccessory {
  readonly entry: Record<string, unknown> | string;
  readonly facts: AccessoryClientFacts;
  readonly reasons: readonly { readonly key: string; readonly why: string }[];
}

const ownPorts = { postgres: [5432], redis: [6379], mailcatcher: [1025, 8025, 1080], pgadmin: [80, 5050] } as const;
/** Variables of the images that Signalbox sets itself. */
const setByUs =
  /^(?:POSTGRES_PASSWORD|POSTGRES_PASSWORD_FILE|PGDATA|PGADMIN_DEFAULT_PASSWORD|PGADMIN_LISTEN_PORT|REDIS_PASSWORD|MP_MAX_MESSAGES)$/;
const keptVariables = {
  postgres: /^POSTGRES_(?:USER|DB|INITDB_ARGS)$/,
  redis: /^$/,
  mailcatcher: /^MP_/,
  pgadmin: /^PGADMIN_/,
} as const;

/** A service that is an image and is no part of the app. Undefined: its image has no version. */
export function accessoryOf(given: {
  readonly host: string;
  readonly name: string;
  readonly service: Values;
  readonly image: string;
}): FoundAccessory | undefined {
  const { host, name, service, image } = given;
  const variables = pairsOf(service['environment'], []);
  const value = (variable: string): string | undefined => variables.get(variable)?.value ?? undefined;
  const known = knownImage(image);
  const reasons: { key: string; why: string }[] = [];
  const profiles = listOf(service['profiles']);
  const when = profiles.length > 0 ? { when: 'dev' } : {};
  if (known !== undefined) {
    const { type, version } = known;
    const env: Record<string, string> = {};
    for (const [variable, { value: text }] of variables) {
      if (!keptVariables[type].test(variable) || setByUs.test(variable) || text === null || isSecretName(variable)) continue;
      if (isSecret(variable, text)) reasons.push({ key: 'environment', why: notCopied(variable) });
      else env[variable] = text;
    }
    if (version === undefined && type !== 'mailcatcher')
      reasons.push({ key: 'image', why: `${image} names no version; the default of ${type} is taken` });
    if (commandOf(service['command']) !== undefined && type !== 'mailcatcher')
      reasons.push({ key: 'command', why: `${type} is started by Signalbox with settings of its own` });
    for (const mount of listOf(service['volumes']).map(mountOf))
      if (mount?.type === 'bind' && /initdb\.d|\.conf$|\.sql$/.test(mount.target))
        reasons.push({
          key: 'volumes',
          why: `${mount.source ?? mount.target} is not mounted; what prepares a database belongs into \`release\``,
        });
    const whole = {
      type,
      ...(version === undefined ? {} : { version }),
      ...when,
      ...(Object.keys(env).length === 0 ? {} : { env }),
    };
    return {
      entry: Object.keys(whole).length === 1 ? type : whole,
      facts: {
        host,
        name,
        type,
        ports: ownPorts[type],
        ...(type === 'postgres'
          ? { user: value('POSTGRES_USER') ?? 'postgres', database: value('POSTGRES_DB') ?? value('POSTGRES_USER') ?? 'postgres' }
          : {}),
        ...(value('POSTGRES_PASSWORD') === undefined ? {} : { password: value('POSTGRES_PASSWORD') ?? '' }),
      },
      reasons,
    };
  }
  const { tag, pinned } = imageParts(image);
  if (tag === undefined && !pinned) return undefined;
  const port = listOf(service['expose'])
    .concat(listOf(service['ports']))
    .map(portOf)
    .find((one) => one !== undefined)?.target;
  const folders = listOf(service['volumes'])
    .map(mountOf)
    .filter((one) => one?.type === 'volume')
    .map((one) => one?.target ?? '');
  const env: Record<string, string> = {};
  for (const [variable, { value: text }] of variables) {
    if (text === null || text === '') continue;
    if (isSecretName(variable)) {
      env[variable] = `\${accessories.${name}.password}`;
      reasons.push({ key: 'environment', why: `${variable} is a secret; the password that is made for ${name} takes its place` });
    } else if (isSecret(variable, text)) reasons.push({ key: 'environment', why: notCopied(variable) });
    else env[variable] = text;
  }
  for (const mount of listOf(service['volumes']).map(mountOf))
    if (mount?.type === 'bind')
      reasons.push({ key: 'volumes', why: `the folder ${mount.source ?? ''} is not mounted into an accessory` });
  const entrypoint = commandOf(service['entrypoint']);
  const command = commandOf(service['command']);
  const whole = entrypoint === undefined ? undefined : [entrypoint, command].filter((one) => one !== undefined).join(' ');
  const run = whole !== undefined && holdsSecret(whole) ? undefined : whole;
  if (run !== whole)
    reasons.push({ key: 'command', why: 'it looks as if it held a secret and was not copied; write `run` by hand' });
  else if (run === undefined && command !== undefined)
    reasons.push({
      key: 'command',
      why: `what ${holdsSecret(command) ? 'the command' : JSON.stringify(command)} is given to is known to the image alone; write the whole command under \`run\``,
    });
  return {
    entry: {
      type: 'custom',
      image,
      ...(port === undefined ? {} : { port }),
      ...(run === undefined ? {} : { run }),
      ...when,
      ...(folders.length === 0 ? {} : { persist: folders }),
      ...(Object.keys(env).length === 0 ? {} : { env }),
    },
    facts: { host, name, type: 'custom', ports: port === undefined ? [] : [port] },
    reasons,
  };
}

const notCopied = (variable: string): string =>
  `the value of ${variable} looks like a secret and was not copied; take \`\${accessories.NAME.password}\`, or leave it out`;
