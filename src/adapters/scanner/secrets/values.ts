/** Judgements of values that might be secrets. Pure. */

/** Bits per character by the shares of its characters. */
export function entropy(text: string): number {
  const times = new Map<string, number>();
  for (const one of text) times.set(one, (times.get(one) ?? 0) + 1);
  let bits = 0;
  for (const count of times.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

const placeholderWords =
  /example|sample|placeholder|change.?me|your.?|dummy|fake|replace|redacted|insert|todo|fixme|xxx|test|secret|password|passwd|hunter2|foo.?bar|lorem|default|not.?real|abcdef|012345|123456|qwerty/i;
/** Filled in by something else: `${X}`, `$X`, `{{ x }}`, `<x>`, `%s`, `process.env.X`, `os.environ`. */
const references =
  /^\$|\$\{|\{\{|^<.*>$|^%[\w({]|^\[.*\]$|\bprocess\.env\b|\benviron\b|\bgetenv\b|\bsecrets\.|^(?:null|none|undefined|true|false)$/i;

/** Nothing but a word in the place of a secret. */
export function isPlaceholder(value: string): boolean {
  return (
    value === '' ||
    references.test(value) ||
    placeholderWords.test(value) ||
    /^(.)\1*$/.test(value) ||
    /^(?:pass|pw|pwd|admin|root|user|token|key|credentials?|guest)$/i.test(value) ||
    /^[*.x-]+$/i.test(value)
  );
}

/** True of what a generator made: long enough, mixed, and without the grain of words, paths and names. */
export function looksGenerated(value: string): boolean {
  if (value.length < 16 || value.length > 200 || isPlaceholder(value)) return false;
  if (!/^[A-Za-z0-9+/=_.~!@#$%^&*-]+$/.test(value)) return false;
  if (/^\d{4}-\d\d-\d\d|^https?:|^(?:sha\d{3}|md5)-|^[./~@]|^\d+(?:\.\d+)*$/.test(value)) return false;
  const hex = /^[a-f0-9]+$/i.test(value);
  const digits = (value.match(/\d/g) ?? []).length;
  if (hex) return value.length >= 32 && digits > 0 && digits < value.length && entropy(value) >= 3;
  // Names are letters in parts; what was drawn by chance has digits among them.
  if (digits < 2 || !/[A-Za-z]/.test(value)) return false;
  if (value.split(/[-_./]/).every((part) => part.length <= 12 && /^(?:[A-Za-z]+|\d+|v\d+|[A-Za-z]+\d{1,2})$/.test(part)))
    return false;
  return entropy(value) >= 3.5;
}

/** Names that say nothing of a place on the network, and those that are kept for examples (RFC 2606, RFC 6761). */
export function isLocalHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return (
    !/[.:]/.test(name) ||
    /^(?:127\.|0\.0\.0\.0$|::1$|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(name) ||
    /(?:^|\.)(?:localhost|local|test|invalid|example|internal|example\.(?:com|org|net))$/.test(name)
  );
}
