import { crc32 } from 'node:zlib';
import { version } from './version.js';

const checksums = new WeakMap();

/** Headers by which a client knows whose answer this is, to which request, and when that arrived here (wall clock, ms). */
export function signature(request) {
  return { 'x-app': version, 'x-at': request.arrivedAt.toFixed(3), 'x-tag': request.headers['x-tag'] ?? '' };
}

export function send(request, response, body, status = 200) {
  response.writeHead(status, {
    ...signature(request),
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-crc32': checksum(body),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function checksum(body) {
  if (typeof body === 'string') return crc32(body);
  if (!checksums.has(body)) checksums.set(body, crc32(body));
  return checksums.get(body);
}
