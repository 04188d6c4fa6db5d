/** Everything the environment may say. */
export interface Config {
  readonly port: number;
  readonly host: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly smtpUrl: string;
  /** Where people reach the site; the links in mails begin with it. Never taken from a request: a forged Host would be in the link. */
  readonly publicUrl: string;
  readonly mailFrom: string;
  /** How many proxies in front set X-Forwarded-For and X-Forwarded-Proto. */
  readonly trustedProxies: number;
  /** Requests per minute of one user, or of one address without a session. */
  readonly requestLimit: number;
  /** Attempts to sign in per address and account before it has to wait; one more per minute. */
  readonly signInLimit: number;
  readonly logLevel: string;
}

/** What one of the programs needs. @throws Error that names every variable which is missing or makes no sense. */
export function loadConfig<Key extends keyof Config>(env: NodeJS.ProcessEnv, keys: readonly Key[]): Pick<Config, Key> {
  const faults: string[] = [];
  const entries = keys.map((key) => {
    const { variable, read, fallback } = variables[key];
    const text = env[variable] || fallback;
    if (text === undefined) faults.push(`${variable} is not set`);
    else {
      const value = read(text);
      if (value !== undefined) return [key, value];
      faults.push(`${variable} makes no sense: "${variable.endsWith('_URL') ? hidePassword(text) : text}"`);
    }
    return [key, undefined];
  });
  if (faults.length > 0) throw new Error(`${faults.join('; ')}. See .env.example.`);
  return Object.fromEntries(entries) as Pick<Config, Key>;
}

interface Variable {
  readonly variable: string;
  /** Undefined when the text makes no sense. */
  readonly read: (text: string) => string | number | undefined;
  readonly fallback?: string;
}

const wholeNumber = (text: string) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined);
const anyText = (text: string) => text;
const address =
  (...schemes: string[]) =>
  (text: string) =>
    URL.canParse(text) && schemes.includes(new URL(text).protocol) ? text : undefined;

const variables: Record<keyof Config, Variable> = {
  port: { variable: 'PORT', read: wholeNumber, fallback: '3001' },
  host: { variable: 'HOST', read: anyText, fallback: '127.0.0.1' },
  databaseUrl: { variable: 'DATABASE_URL', read: address('postgresql:', 'postgres:') },
  redisUrl: { variable: 'REDIS_URL', read: address('redis:', 'rediss:') },
  smtpUrl: { variable: 'SMTP_URL', read: address('smtp:', 'smtps:') },
  publicUrl: { variable: 'PUBLIC_URL', read: (text) => address('http:', 'https:')(text)?.replace(/\/+$/, ''), fallback: 'http://localhost:5173' },
  mailFrom: { variable: 'MAIL_FROM', read: anyText, fallback: 'Tasks <tasks@localhost>' },
  trustedProxies: { variable: 'TRUSTED_PROXIES', read: wholeNumber, fallback: '0' },
  requestLimit: { variable: 'REQUEST_LIMIT', read: (text) => wholeNumber(text) || undefined, fallback: '1200' },
  signInLimit: { variable: 'SIGN_IN_LIMIT', read: (text) => wholeNumber(text) || undefined, fallback: '10' },
  logLevel: {
    variable: 'LOG_LEVEL',
    read: (text) => (/^(?:trace|debug|info|warn|error|fatal|silent)$/.test(text) ? text : undefined),
    fallback: 'info',
  },
};

const hidePassword = (text: string): string => text.replace(/:[^:@/]*@/, ':…@');
