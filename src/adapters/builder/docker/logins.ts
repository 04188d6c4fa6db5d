import { readFile } from 'node:fs/promises';
import { SignalboxError } from '../../../domain/errors.ts';

/** Logins of registries, read when they are needed: a changed password counts at once, and none is kept in memory. */
export interface Logins {
  /** `X-Registry-Auth` for the registry of an image; an empty login where there is none. @throws REGISTRY_REFUSED */
  headerFor(image: string): Promise<string>;
  /** `X-Registry-Config` for a build, whose Dockerfile may start from any of them. */
  headerForBuild(): Promise<string>;
}

export interface LoginSources {
  /** A docker configuration file (`auths`); it need not exist. Programs that keep logins (`credsStore`) are not asked. */
  readonly configFile: string;
  /** The login of one registry, which goes before the file. */
  readonly own: { readonly host: string; readonly user: string; readonly passwordFile: string } | null;
}

interface Login {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly serveraddress: string;
}

const hub = 'docker.io';

export function registryLogins({ configFile, own }: LoginSources): Logins {
  async function all(): Promise<ReadonlyMap<string, Login>> {
    const found = new Map<string, Login>();
    for (const [server, entry] of Object.entries(await authsOf(configFile))) {
      const host = hostOfServer(server);
      const login = loginOf(host, entry);
      if (login !== null) found.set(host, login);
    }
    if (own !== null) {
      const password = await readFile(own.passwordFile, 'utf8').catch((cause: unknown) => {
        throw new SignalboxError('REGISTRY_REFUSED', `The password file ${own.passwordFile} cannot be read.`, { cause });
      });
      found.set(own.host, { username: own.user, password: password.replace(/\r?\n$/, ''), serveraddress: own.host });
    }
    return found;
  }
  return {
    headerFor: async (image) => {
      const host = registryOf(image);
      return encoded((await all()).get(host) ?? { serveraddress: host });
    },
    headerForBuild: async () =>
      encoded(
        Object.fromEntries(
          [...(await all())].map(([host, login]) => [host === hub ? 'https://index.docker.io/v1/' : host, login]),
        ),
      ),
  };
}

/** Host of the registry that an image name means. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : hub;
}

/** With its padding: without it the engine takes the login for none, silently. */
const encoded = (value: object): string =>
  Buffer.from(JSON.stringify(value)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');

function hostOfServer(server: string): string {
  const host = server.replace(/^https?:\/\//, '').split('/')[0] ?? server;
  return ['index.docker.io', 'registry-1.docker.io'].includes(host) ? hub : host;
}

async function authsOf(file: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return {};
  try {
    const { auths } = JSON.parse(text) as { auths?: Record<string, unknown> };
    return auths ?? {};
  } catch {
    throw new SignalboxError('REGISTRY_REFUSED', `The file of logins ${file} is not readable as JSON.`);
  }
}

function loginOf(host: string, entry: unknown): Login | null {
  if (typeof entry !== 'object' || entry === null) return null;
  const { auth, identitytoken } = entry as { auth?: unknown; identitytoken?: unknown };
  if (typeof identitytoken === 'string' && identitytoken !== '') return { identitytoken, serveraddress: host };
  if (typeof auth !== 'string') return null;
  const plain = Buffer.from(auth, 'base64').toString('utf8');
  const colon = plain.indexOf(':');
  if (colon < 1) return null;
  return { username: plain.slice(0, colon), password: plain.slice(colon + 1).replaceAll('\0', ''), serveraddress: host };
}
