import { createReadStream } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { send, signature } from './answer.js';

const folder = process.env.ORDERS_FOLDER ?? 'orders';
const file = `${folder}/record.log`;
const longestNonce = 200;

let opened;

/** One line per executed order; whole lines, since every instance appends. */
function openRecord() {
  opened ??= mkdir(folder, { recursive: true }).then(() => open(file, 'a'));
  return opened;
}

/** Executes an order: the nonce in the body is written down, then repeated to the client. */
export async function record(request, response) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const nonce = Buffer.concat(parts).toString('utf8').trim();
  if (nonce === '' || nonce.length > longestNonce) return send(request, response, 'an order is a nonce', 400);
  const handle = await openRecord();
  await handle.write(`${nonce}\n`);
  send(request, response, `accepted ${nonce}`);
}

/** Versions whose release command has run, one per run. */
export async function migrated(request, response) {
  send(request, response, await readFile(`${folder}/migrations.log`, 'utf8').catch(() => ''));
}

/** The whole record, as every instance together wrote it. */
export async function recorded(request, response) {
  await openRecord();
  response.writeHead(200, { ...signature(request), 'content-type': 'text/plain; charset=utf-8' });
  createReadStream(file).pipe(response);
}
