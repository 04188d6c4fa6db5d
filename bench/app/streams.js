import { createHash } from 'node:crypto';
import { signature } from './answer.js';

const defaultEveryMs = 200;
const closeOpcode = 8;

/** Server-sent events numbered per client; goes on behind `last-event-id`. */
export function events(request, response, url) {
  let number = Number(request.headers['last-event-id'] ?? 0);
  response.writeHead(200, { ...signature(request), 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const next = () => response.write(`id: ${++number}\ndata: ${url.searchParams.get('client')}\n\n`);
  next();
  const timer = setInterval(next, Number(url.searchParams.get('everyMs') ?? defaultEveryMs));
  response.on('close', () => clearInterval(timer));
}

/** A websocket that sends `from`, `from` + 1 and so on. */
export function socket(request, connection) {
  const url = new URL(request.url, 'http://app');
  connection.on('error', () => connection.destroy());
  if (url.pathname !== '/api/socket') return connection.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  connection.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  );
  let number = Number(url.searchParams.get('from') ?? 1);
  const next = () => connection.write(frame(1, Buffer.from(String(number++))));
  next();
  const timer = setInterval(next, Number(url.searchParams.get('everyMs') ?? defaultEveryMs));
  connection.on('close', () => clearInterval(timer));
  connection.on('data', (chunk) => {
    // The bench's clients send nothing but control frames, each in one piece.
    if ((chunk[0] & 15) !== closeOpcode) return;
    clearInterval(timer);
    connection.end(frame(closeOpcode, Buffer.from([0x03, 0xe8])));
  });
}

function frame(opcode, payload) {
  return Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]);
}
