import { SignalboxError } from '../../../domain/errors.ts';

/** What may name a repository folder. @throws BAD_REQUEST */
export function checkApp(app: string): string {
  if (!/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(app)) throw refuse(`${JSON.stringify(app.slice(0, 80))} is no app name.`);
  return app;
}

/** @throws BAD_REQUEST */
export function checkSha(sha: string): string {
  if (!/^[0-9a-f]{40}$/.test(sha)) throw refuse(`${JSON.stringify(sha.slice(0, 80))} is no full commit SHA.`);
  return sha;
}

/** `HEAD` or a full ref that no option, range or revision syntax hides in. @throws BAD_REQUEST */
export function checkRef(ref: string): string {
  const usable =
    ref === 'HEAD' ||
    (/^refs\/[A-Za-z0-9][A-Za-z0-9._/+@#-]{0,240}$/.test(ref) && !/\.\.|\/\/|@\{|\/\.|\.lock(?:\/|$)|[./]$/.test(ref));
  if (!usable) throw refuse(`${JSON.stringify(ref.slice(0, 80))} is no usable ref.`);
  return ref;
}

/** A path of the repository, `.` for its root, as git spells it. @throws BAD_REQUEST for what leaves the repository or hides control characters. */
export function checkPath(path: string): string {
  const clean = path.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '');
  if (path === '.' || clean === '.') return '.';
  const segments = clean.split('/');
  const hostile =
    clean === '' ||
    clean.length > 4096 ||
    /\p{Cc}/u.test(clean) ||
    segments.some((segment) => ['', '.', '..'].includes(segment) || segment.toLowerCase() === '.git');
  if (hostile) throw refuse(`${JSON.stringify(path.slice(0, 80))} is no path inside a repository.`);
  return clean;
}

const refuse = (message: string): SignalboxError => new SignalboxError('BAD_REQUEST', message);
