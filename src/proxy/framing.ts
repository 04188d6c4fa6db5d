import type { IncomingMessage } from 'node:http';
import type { RequestHead } from './request-head.ts';

/**
 * Refuses what two parsers could read differently and the HTTP parser lets pass. It already refuses both lengths at once,
 * duplicated, signed and list lengths, folded lines, bare line feeds, bad chunk sizes and spaces before colons.
 * @returns why the request is refused, undefined when it is sound.
 */
export function ambiguity(req: IncomingMessage, head: RequestHead): string | undefined {
  if (req.httpVersionMajor !== 1 || req.httpVersionMinor > 1) return 'Only versions 1.0 and 1.1 of HTTP are spoken here.';
  if (head.hosts > 1) return 'The request names more than one host.';
  if (head.hosts === 0) {
    if (req.httpVersionMinor === 1) return 'The request names no host.';
    head.host = '';
  }
  if (head.transferEncoding !== undefined) {
    if (req.httpVersionMinor === 0) return 'Transfer-Encoding is not defined for HTTP/1.0.';
    if (head.transferEncoding.toLowerCase() !== 'chunked') return 'The only transfer encoding understood is "chunked".';
    if (head.contentLength !== -1) return 'The request has two lengths.';
  }
  const target = req.url ?? '';
  if (target.includes('#')) return 'A request target has no fragment.';
  if (!target.startsWith('/') && target !== '*') return absoluteForm(req, head, target);
  return undefined;
}

/** `GET http://host/path`: allowed when it says the same as the Host header; goes on as `/path`. */
function absoluteForm(req: IncomingMessage, head: RequestHead, target: string): string | undefined {
  const match = /^https?:\/\/([^/?#@]+)([/?].*)?$/i.exec(target);
  if (!match) return 'The request target is neither a path nor an absolute address.';
  if (match[1]?.toLowerCase() !== head.host?.toLowerCase()) return 'The request target and the Host header name different hosts.';
  const rest = match[2] ?? '';
  req.url = rest.startsWith('/') ? rest : `/${rest}`;
  return undefined;
}
