/** Everything the environment may say. */
export interface Config {
  port: number;
  host: string;
  /** PostgreSQL; without it SQLite in `dataDir`. */
  databaseUrl: string | undefined;
  dataDir: string;
  /** From `npm run hash-password`; without it nobody can log in. */
  adminPasswordHash: string | undefined;
  /** How many proxies in front set X-Forwarded-For. */
  trustedProxies: number;
  /** Contact messages per address in ten minutes. */
  contactLimit: number;
}

export function loadConfig(env: NodeJS.ProcessEnv): Config {
  return {
    port: wholeNumber(env, 'PORT', 3001),
    host: env.HOST ?? '127.0.0.1',
    databaseUrl: env.DATABASE_URL || undefined,
    dataDir: env.DATA_DIR ?? 'data',
    adminPasswordHash: env.ADMIN_PASSWORD_HASH || undefined,
    trustedProxies: wholeNumber(env, 'TRUSTED_PROXIES', 0),
    contactLimit: wholeNumber(env, 'CONTACT_LIMIT', 20),
  };
}

function wholeNumber(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  if (!/^\d+$/.test(text)) throw new Error(`${name} must be a whole number, not "${text}"`);
  return Number(text);
}

/** Injection token of the Config. */
export const CONFIG = Symbol('config');
