// A release command that writes down each of its runs; long enough to be killed beside.
import { appendFile, mkdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { version } from './version.js';

const folder = process.env.ORDERS_FOLDER ?? 'orders';
await mkdir(folder, { recursive: true });
await appendFile(`${folder}/migrations.log`, `${version}\n`);
await delay(300);
