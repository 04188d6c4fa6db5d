import { type ForgeEvent, type ForgeKind, ignored } from './event.ts';
import { readGiteaDelete, readGithub } from './read-github.ts';
import { readGitlab } from './read-gitlab.ts';

/** What came over a webhook whose sender is known to have the secret. */
export interface Received {
  readonly kind: ForgeKind;
  /** The event's name, as its header has it. Not covered by a signature, so nothing is believed because of it. */
  readonly name: string;
  /** Of `content-type`. */
  readonly type: string;
  readonly body: string;
}

/** What a webhook says; never throws, whatever the body is. */
export function readForgeEvent({ kind, name, type, body }: Received): ForgeEvent {
  const json = /^application\/x-www-form-urlencoded\b/i.test(type) ? payloadField(body) : body;
  if (json === null) return ignored('The form has no field "payload".');
  let payload: unknown;
  try {
    payload = JSON.parse(json);
  } catch {
    return ignored('The payload is no JSON.');
  }
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return ignored('The payload is no JSON object.');
  if (kind === 'gitlab') return readGitlab(payload);
  if (kind === 'gitea' && name === 'delete') return readGiteaDelete(payload);
  return readGithub(name, payload);
}

/** GitHub's and Gitea's other way of sending: a form with the JSON in one field. */
function payloadField(body: string): string | null {
  const field = body.split('&').find((part) => part.startsWith('payload='));
  if (field === undefined) return null;
  try {
    return decodeURIComponent(field.slice('payload='.length).replaceAll('+', ' '));
  } catch {
    return null;
  }
}
