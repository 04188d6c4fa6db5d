/** What two spellings of the same path differ in: case, escapes, parameters, backslashes, empty and dot segments. */
const respelled = /[A-Z%;\\]|\/[/.]/;

/**
 * The path of a target in one spelling, so that a limit on `/login` also holds for `/Login`, `/%6cogin`, `//login` and `/x/../login`,
 * all of which an app may take for the same. Only for comparing: what goes to the app is never touched.
 */
export function plainPath(target: string): string {
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  if (!respelled.test(path)) return path;
  const segments: string[] = [];
  const decoded = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  for (const part of decoded.replaceAll('\\', '/').toLowerCase().split('/')) {
    const segment = part.split(';', 1)[0] ?? '';
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return `/${segments.join('/')}`;
}

/** A prefix of the table in the spelling of `plainPath`, without a slash at its end. */
export function plainPrefix(prefix: string): string {
  const plain = plainPath(encodeURI(prefix));
  return plain.length > 1 && plain.endsWith('/') ? plain.slice(0, -1) : plain;
}

/** Whether a prefix holds a path on a segment border; both in plain spelling. */
export function holds(prefix: string, path: string): boolean {
  if (prefix.length === 1) return true;
  return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 47);
}
