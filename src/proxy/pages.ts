import { STATUS_CODES } from 'node:http';
import type { ClientAnswer } from './client-side.ts';
import { linger } from './linger.ts';

/** An answer that the proxy makes itself. */
export interface OwnAnswer {
  readonly status: number;
  /** Stable word for machines. */
  readonly code: string;
  readonly detail: string;
  readonly retryAfterSeconds?: number;
  readonly close?: boolean;
  /** Where to go instead. */
  readonly location?: string;
}

export interface Asker {
  readonly accept: string | undefined;
  readonly requestId: string | undefined;
}

const titles: Readonly<Record<number, string>> = {
  404: 'There is nothing here',
  413: 'That is too large',
  429: 'Too many requests',
  502: 'The app did not answer',
  503: 'Back in a moment',
  504: 'The app took too long',
};

/** People get a small page, machines problem+json. Does nothing when an answer has begun. */
export function answerOurselves(res: ClientAnswer, answer: OwnAnswer, asker: Asker): void {
  if (res.headersSent || res.destroyed) return;
  const html = asker.accept?.includes('text/html') === true;
  const body = Buffer.from(html ? page(answer, asker) : problem(answer, asker));
  const headers = [
    'content-type',
    html ? 'text/html; charset=utf-8' : 'application/problem+json',
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
  ];
  if (answer.retryAfterSeconds !== undefined) headers.push('retry-after', String(answer.retryAfterSeconds));
  if (answer.location !== undefined) headers.push('location', answer.location);
  if (answer.close) {
    headers.push('connection', 'close');
    if (res.req) linger(res.req);
  }
  if (asker.requestId !== undefined) headers.push('x-request-id', asker.requestId);
  res.writeHead(answer.status, headers);
  res.end(body);
}

/** The same answer on a bare socket, which is closed after it. */
export function rawAnswer(answer: OwnAnswer): string {
  const body = problem(answer, { accept: undefined, requestId: undefined });
  return [
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    ...(answer.retryAfterSeconds === undefined ? [] : [`retry-after: ${answer.retryAfterSeconds}`]),
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

function problem(answer: OwnAnswer, asker: Asker): string {
  return JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[answer.status] ?? 'Error',
    status: answer.status,
    code: answer.code,
    detail: answer.detail,
    ...(asker.requestId === undefined ? {} : { requestId: asker.requestId }),
  });
}

function page(answer: OwnAnswer, asker: Asker): string {
  const title = escaped(titles[answer.status] ?? STATUS_CODES[answer.status] ?? 'Error');
  const reference = asker.requestId === undefined ? '' : `<p class="ref">${answer.status} · ${escaped(asker.requestId)}</p>`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title><style>
:root{color-scheme:light dark}body{font:16px/1.6 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;color:CanvasText}
main{max-width:32rem;padding:2rem}h1{font-size:1.5rem;margin:0 0 .5rem}.ref{font-size:.8rem;opacity:.6}
</style></head><body><main><h1>${title}</h1><p>${escaped(answer.detail)}</p>${reference}</main></body></html>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
