import type { Severity } from '../../../domain/scan.ts';
import { anchors, rules } from './rules.ts';
import { isLocalHost, isPlaceholder, looksGenerated } from './values.ts';

/** A secret that stands in a text. `secret` never leaves this room. */
export interface Hit {
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  readonly fix: string;
  /** Where it begins in the text. */
  readonly at: number;
  readonly secret: string;
  /** For people: its kind and length, nothing of the rest. */
  readonly masked: string;
}

/** Lines with this word, and those below one, are left out. */
const allowWord = 'signalbox:allow-secret';

const assignmentHint = /secret|token|passw|pwd|api.?key|private.?key|access.?key|encryption.?key|signing.?key|credential/i;
const connectionHint = /:\/\/[^\s/:@]{0,100}:[^\s/@]{1,200}@/;

const assignment =
  /(?<![A-Za-z0-9_$.-])(?<name>[A-Za-z0-9_.-]{0,40}(?:secret|token|passw(?:or)?d|pwd|api[_.-]?key|private[_.-]?key|access[_.-]?key|encryption[_.-]?key|signing[_.-]?key|credentials?)[A-Za-z0-9_-]{0,30})["']?[ \t]{0,8}(?:[:=]|=>|:=)[ \t]{0,8}(?:(?<quote>["'`])(?<quoted>[^"'`\s]{8,200})\k<quote>|(?<bare>[^\s"'`,;(){}[\]<>]{8,200})(?=[\s,;]|$))/gi;
const connection =
  /\b(?<scheme>postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|mssql|sqlserver|smtps?|ftps?|sftp|https?|nats|clickhouse):\/\/(?<user>[^\s:/@"'`<>]{0,80}):(?<secret>[^\s@/"'`<>]{3,200})@(?<host>\[[0-9a-fA-F:]{2,40}\]|[A-Za-z0-9._-]{1,200})/gi;

/** Names of files in which values stand bare, each on its line. */
const isSettings = (file: string): boolean =>
  /(?:^|\/)\.env(?:\.|$)|\.(?:env|ini|properties|conf|cfg|toml|ya?ml|tfvars|npmrc|pypirc|netrc)$/i.test(file);
/** Files of variables that are committed to say which there are. */
const isSample = (file: string): boolean => /\.(?:example|sample|template|dist|defaults?)(?:\.[a-z]{1,5})?$/i.test(file);
/** Written by tools, full of hashes. */
const isGenerated = (file: string): boolean =>
  /(?:^|\/)(?:package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|go\.sum|uv\.lock|[^/]{1,80}\.lock)$|\.(?:min\.js|min\.css|map|snap|svg|ipynb|sum)$/i.test(
    file,
  );
/** Where made-up values are the rule. */
const isProving = (file: string): boolean =>
  /(?:^|[/._-])(?:tests?|specs?|__tests__|fixtures?|examples?|mocks?|docs?|demo)(?:[/._-]|$)/i.test(file);

/** All secrets of a text, in no order. @param file relative path: what the text is decides what is looked for */
export function searchText(text: string, file: string): readonly Hit[] {
  const hits: Hit[] = [];
  if (anchors.test(text)) hits.push(...byRules(text));
  const values = !isSample(file) && !isGenerated(file);
  if (values && connectionHint.test(text)) hits.push(...connections(text));
  if (values && assignmentHint.test(text)) hits.push(...assignments(text, file));
  return hits.filter((hit, index) => !isAllowed(text, hit.at) && !isShadowed(hits, hit, index));
}

function byRules(text: string): Hit[] {
  return rules.flatMap(({ id, title, severity, fix, shown, pattern }) =>
    [...text.matchAll(pattern)].flatMap((match) => {
      const secret = match.groups?.['secret'] ?? match[0];
      if (isMadeUp(secret.slice(shown))) return [];
      const at = match.index + Math.max(0, match[0].lastIndexOf(secret));
      return [{ id, title, severity, fix, at, secret, masked: masked(secret, shown) }];
    }),
  );
}

/** Forms are certain enough that only what is plainly made up is left out. */
const isMadeUp = (rest: string): boolean =>
  /example|placeholder|xxxx|your[_-]|\*\*\*|0{12}|1234567890|abcdefghij/i.test(rest) || new Set(rest).size < 6;

function connections(text: string): Hit[] {
  return [...text.matchAll(connection)].flatMap((match) => {
    const { secret = '', user = '', host = '' } = match.groups ?? {};
    const certain = looksGenerated(secret);
    if (isPlaceholder(secret) || secret === user || (isLocalHost(host) && !certain)) return [];
    return [
      {
        id: 'connection-password',
        title: 'A password in an address',
        severity: isLocalHost(host) ? ('high' as const) : ('critical' as const),
        fix: 'Change the password, and give the address to the app as a secret.',
        at: match.index + match[0].lastIndexOf(`:${secret}@`) + 1,
        secret,
        masked: `a password of ${secret.length} characters`,
      },
    ];
  });
}

function assignments(text: string, file: string): Hit[] {
  const settings = isSettings(file);
  return [...text.matchAll(assignment)].flatMap((match) => {
    const { name = '', quoted, bare } = match.groups ?? {};
    const secret = quoted ?? bare ?? '';
    if (quoted === undefined && !settings) return [];
    if (
      /(?:public|publishable|hash|digest|id|url|uri|name|file|path|length|type|field|header|label|regex|pattern|expir\w*|ttl)$/i.test(
        name,
      )
    )
      return [];
    const isEnvFile = /(?:^|\/)\.env/.test(file);
    const strong = looksGenerated(secret);
    // What signs sessions and tokens is a secret however it looks, where it is set for real.
    const signs =
      isEnvFile &&
      /^(?:jwt|session|cookie|auth|nextauth|app|django|secret)[A-Za-z0-9_]{0,30}(?:secret|key)$/i.test(name) &&
      !isPlaceholder(secret);
    if (!strong && !signs) return [];
    return [
      {
        id: signs ? 'signing-secret' : 'high-entropy-value',
        title: `${name.slice(0, 60)} has a value that looks like a secret`,
        severity: isProving(file) ? ('medium' as const) : ('high' as const),
        fix: 'Give it to the app as a secret; if it was ever real, change it. Mark what is no secret with signalbox:allow-secret.',
        at: match.index + match[0].lastIndexOf(secret),
        secret,
        masked: `${secret.length} characters`,
      },
    ];
  });
}

const masked = (secret: string, shown: number): string =>
  shown === 0 ? `${secret.length} characters` : `${secret.slice(0, shown)}… (${secret.length} characters)`;

/** On the line or the one above it. */
function isAllowed(text: string, at: number): boolean {
  const end = text.indexOf('\n', at);
  const start = text.lastIndexOf('\n', at - 1);
  const above = start <= 0 ? 0 : text.lastIndexOf('\n', start - 1) + 1;
  // Lines of a minified file may be long; the word stands near.
  return text.slice(Math.max(above, at - 2000), Math.min(end === -1 ? text.length : end, at + 2000)).includes(allowWord);
}

/** Told already by a rule that knows more. */
const isShadowed = (hits: readonly Hit[], hit: Hit, index: number): boolean =>
  hits.some(
    (other, place) => place < index && other.at <= hit.at + hit.secret.length && hit.at <= other.at + other.secret.length,
  );
