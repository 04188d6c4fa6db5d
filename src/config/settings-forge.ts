import { SignalboxError } from '../domain/errors.ts';

/** Forges, and how they are spoken to. */
export interface ForgeSettings {
  /** SIGNALBOX_FORGE_PLAIN_HTTP: `true` takes http:// in addresses of this machine itself. Default false; never for others. */
  readonly plainLoopback: boolean;
}

/** @throws BAD_SETTING */
export function readForgeSettings(variables: Readonly<Record<string, string | undefined>>): ForgeSettings {
  const given = variables['SIGNALBOX_FORGE_PLAIN_HTTP']?.trim() ?? '';
  if (!['', 'true', 'false'].includes(given))
    throw new SignalboxError('BAD_SETTING', `SIGNALBOX_FORGE_PLAIN_HTTP is ${JSON.stringify(given)}; expected true or false.`, {
      details: { variable: 'SIGNALBOX_FORGE_PLAIN_HTTP' },
    });
  return { plainLoopback: given === 'true' };
}

const transportVariables = [
  'HTTPS_PROXY',
  'https_proxy',
  'NO_PROXY',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
] as const;

/** What git may know of the operator's environment when it speaks to a forge: proxies and certificate authorities. */
export const transportEnvironment = (variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(transportVariables.flatMap((name) => (variables[name] === undefined ? [] : [[name, variables[name]]])));
