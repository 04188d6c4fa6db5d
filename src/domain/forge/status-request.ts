import type { CloneUrl } from './clone-url.ts';
import type { ForgeKind } from './event.ts';

/** What is to be read beside a commit on its forge. */
export interface CommitStatus {
  readonly sha: string;
  /** `signalbox/<environment>`. */
  readonly context: string;
  readonly state: 'pending' | 'success' | 'failure';
  readonly description: string;
  /** Where "Details" leads; null: nowhere. */
  readonly link: string | null;
}

/** One HTTP request, apart from the token. */
export interface StatusRequest {
  readonly method: 'POST';
  readonly url: string;
  /** The header that carries the token, and what stands before it. */
  readonly credential: { readonly header: string; readonly prefix: string };
  readonly body: Readonly<Record<string, string>>;
}

/** Forges cut or refuse longer ones. */
const longestDescription = 140;

/**
 * How a forge is told.
 * @param forge `api`: base of its API; null: where it usually is beside the clone address
 * @returns null when the address names no repository of such a forge.
 */
export function statusRequest(
  forge: { readonly kind: ForgeKind; readonly clone: CloneUrl; readonly api: string | null },
  status: CommitStatus,
): StatusRequest | null {
  const { kind, clone } = forge;
  const base = (forge.api ?? apiBase(kind, clone)).replace(/\/+$/, '');
  const description = shortened(status.description);
  const link = status.link === null ? {} : { target_url: status.link };
  if (kind === 'gitlab') {
    const state = status.state === 'failure' ? 'failed' : status.state;
    return {
      method: 'POST',
      url: `${base}/projects/${encodeURIComponent(clone.path)}/statuses/${status.sha}`,
      credential: { header: 'private-token', prefix: '' },
      body: { state, name: status.context, description, ...link },
    };
  }
  const [owner, name, ...more] = clone.path.split('/').slice(-2);
  if (owner === undefined || name === undefined || more.length > 0) return null;
  return {
    method: 'POST',
    url: `${base}/repos/${encodeURIComponent(owner)}/${encodeURIComponent(name)}/statuses/${status.sha}`,
    credential: { header: 'authorization', prefix: kind === 'github' ? 'Bearer ' : 'token ' },
    body: { state: status.state, context: status.context, description, ...link },
  };
}

/** A forge may live below a path of its host: then what stands before `owner/name` belongs to it. GitLab's groups cannot be told from one. */
function apiBase(kind: ForgeKind, { protocol, host, path }: CloneUrl): string {
  const secure = protocol !== 'http';
  // The port of ssh is not the one of the API.
  const web = `${secure ? 'https' : 'http'}://${protocol === 'ssh' ? host.replace(/:\d+$/, '') : host}`;
  if (kind === 'gitlab') return `${web}/api/v4`;
  if (kind === 'github') return host === 'github.com' ? 'https://api.github.com' : `${web}/api/v3`;
  const below = path.split('/').slice(0, -2);
  return [web, ...below, 'api/v1'].join('/');
}

const shortened = (text: string): string => {
  const clean = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return clean.length <= longestDescription ? clean : `${clean.slice(0, longestDescription - 1).trimEnd()}…`;
};
