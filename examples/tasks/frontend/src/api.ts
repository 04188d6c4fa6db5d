/** What the API answers with. Dates are ISO texts. */
export interface Person {
  readonly id: string;
  readonly name: string;
}
export interface User extends Person {
  readonly email: string;
}
export type Role = 'owner' | 'admin' | 'member';
export interface Organisation {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}
export interface Member extends User {
  readonly role: Role;
}
export interface Invitation {
  readonly id: string;
  readonly email: string;
  readonly role: Role;
  readonly expiresAt: string;
}
export type Status = 'open' | 'doing' | 'done';
export interface Task {
  readonly number: number;
  readonly title: string;
  readonly description: string;
  readonly status: Status;
  /** Such as 2026-03-31. */
  readonly dueOn: string | null;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly assignee: Person | null;
  readonly createdBy: Person | null;
  readonly comments: number;
}
export interface Comment {
  readonly id: string;
  readonly body: string;
  readonly createdAt: string;
  readonly author: Person | null;
}

/** An answer that is no success, or none at all (status 0). The message is for people. */
export class ApiError extends Error {
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;

  constructor(status: number, message: string, fields: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

let csrfToken = '';
let onSignedOut: () => void = () => undefined;

/** Sent along with every change from now on. */
export const useCsrfToken = (token: string): void => {
  csrfToken = token;
};
/** Called when an answer says that the session has ended. */
export const whenSignedOut = (act: () => void): void => {
  onSignedOut = act;
};

/** Asks the API. @throws ApiError */
export async function ask<Answer = void>(method: Method, path: string, body?: unknown): Promise<Answer> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(`/api${path}`, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(method !== 'GET' && csrfToken !== '' && { 'x-csrf-token': csrfToken }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    text = await answer.text();
  } catch {
    throw new ApiError(0, 'The server cannot be reached. Check your connection and try again.');
  }
  const content = parse(text);
  if (answer.ok) return content as Answer;
  if (answer.status === 401 && !path.startsWith('/auth/')) onSignedOut();
  const { detail, fields } = (content ?? {}) as { detail?: string; fields?: Record<string, string> };
  throw new ApiError(answer.status, detail ?? `The server answered with an error (${answer.status}). Try again.`, fields);
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
