import { parentPort, workerData } from 'node:worker_threads';
import { SignalboxError } from '../../../domain/errors.ts';
import { type Call, type CallName, type Calls, giveUp, type Refusal, type Reply, type Row, type WorkerOptions } from './calls.ts';
import { commitAll } from './commit.ts';
import { type Database, isCurrent, migrate, openDatabase } from './database.ts';
import { refusalOf, sqliteFault } from './errors.ts';
import { HomeLock } from './lock.ts';
import { pruneEvents, pruneReleases } from './prune.ts';
import { Reserve } from './reserve.ts';

/** The store's thread: everything that may wait for the disk. Answers batches of calls in their order. */

/** Milliseconds that one attempt at a locked database takes (nobody is answered meanwhile), and that lie between two. */
const withinAttempt = 20;
const betweenAttempts = 25;

const options = workerData as WorkerOptions;
const lock = new HomeLock(options.lockFile, options.pid);
const reserve = new Reserve(options.file, options.reserve);
let database: Database | null = null;

const works: { readonly [Name in Exclude<CallName, 'commit'>]: (ask: Calls[Name]['ask']) => Calls[Name]['answer'] } = {
  open() {
    database = withRoom(() => openDatabase(options.file, Math.min(options.busyTimeout, withinAttempt)));
    return null;
  },
  acquire() {
    return withRoom(() => {
      lock.take();
      const held = opened();
      migrate(held);
      const answer = held.transaction(() => {
        held.run(`UPDATE meta SET value = value + 1 WHERE key = 'epoch'`);
        return {
          epoch: Number(held.value(`SELECT value FROM meta WHERE key = 'epoch'`)),
          clock: Number(held.value(`SELECT value FROM meta WHERE key = 'clock'`)),
        };
      });
      reserve.restore();
      return answer;
    });
  },
  rows(queries) {
    const readable = opened();
    if (!lock.held && !isCurrent(readable))
      throw new SignalboxError('INTERNAL', 'The store was read before the home was acquired.');
    return queries.flatMap((query) => readable.all(query.sql, query.parameters).map(toRow));
  },
  pruneReleases: (limits) => pruneReleases(owned(), limits),
  pruneEvents: ({ events }) => pruneEvents(owned(), events),
  close() {
    if (lock.held) database?.all('PRAGMA wal_checkpoint(TRUNCATE)');
    database?.close();
    lock.release();
    database = null;
    parentPort?.close();
    return null;
  },
};

/** Calls in their order. The first may be waiting for another process to let go of the database. */
let queue: readonly Call[] = [];
/** When the first in the queue found the database locked. */
let lockedSince: number | null = null;
let pause: NodeJS.Timeout | null = null;

parentPort?.on('message', (calls: readonly Call[] | typeof giveUp) => {
  if (calls === giveUp) {
    if (pause !== null) clearTimeout(pause);
    queue = [];
    works.close(null);
    return;
  }
  const aside = calls.filter((call) => call.aside === true);
  for (const call of aside) send(work(call as OtherCall));
  queue = [...queue, ...calls.filter((call) => call.aside !== true)];
  if (pause === null) serve();
});

/** Waiting for a lock happens between attempts and not within one, so that those who only look are answered meanwhile. */
function serve(): void {
  pause = null;
  while (queue.length > 0) {
    const together = commitsFrom(queue);
    const replies = together.length > 0 ? commit(together) : [work(queue[0] as OtherCall)];
    if (replies.every(foundItLocked) && mayWait()) {
      pause = setTimeout(serve, betweenAttempts);
      return;
    }
    lockedSince = null;
    queue = queue.slice(replies.length);
    for (const reply of replies) send(reply);
  }
}

function mayWait(): boolean {
  lockedSince ??= performance.now();
  return performance.now() - lockedSince < options.busyTimeout;
}

const foundItLocked = (reply: Reply): boolean => !reply.ok && reply.refusal.code === 'STORE_STALLED';

type CommitCall = Extract<Call, { name: 'commit' }>;
type OtherCall = Exclude<Call, { name: 'commit' }>;

function commitsFrom(calls: readonly Call[]): readonly CommitCall[] {
  const together: CommitCall[] = [];
  for (const call of calls) {
    if (call.name !== 'commit') break;
    together.push(call);
  }
  return together;
}

function commit(calls: readonly CommitCall[]): readonly Reply[] {
  let ends: readonly (Refusal | null)[];
  try {
    const place = { database: owned(), file: options.file, reserve };
    const errors = commitAll(
      place,
      calls.map((call) => call.ask),
    );
    ends = errors.map((error) => (error === null ? null : refusalOf(error, options.file)));
  } catch (error) {
    ends = calls.map(() => refusalOf(error, options.file));
  }
  return calls.map((call, index): Reply => {
    const refusal = ends[index] ?? null;
    return refusal === null ? { id: call.id, ok: true, answer: null } : { id: call.id, ok: false, refusal };
  });
}

function work(call: OtherCall): Reply {
  try {
    const answer = (works[call.name] as (ask: unknown) => Calls[CallName]['answer'])(call.ask);
    return { id: call.id, ok: true, answer };
  } catch (error) {
    return { id: call.id, ok: false, refusal: refusalOf(error, options.file) };
  }
}

function opened(): Database {
  if (database === null) throw new SignalboxError('INTERNAL', 'The store is closed.');
  return database;
}

function owned(): Database {
  if (!lock.held) throw new SignalboxError('STALE_EPOCH', 'Nothing is written before the home was acquired.');
  return opened();
}

/** A start on a full disk gives the reserve up once. */
function withRoom<Result>(start: () => Result): Result {
  try {
    return start();
  } catch (error) {
    const full =
      sqliteFault(error)?.code.startsWith('SQLITE_FULL') === true ||
      (error instanceof SignalboxError && error.code === 'STORE_FULL');
    if (!full || !reserve.release()) throw error;
    return start();
  }
}

const toRow = (row: Record<string, unknown>): Row =>
  typeof row['sequence'] === 'number'
    ? { sequence: row['sequence'], document: String(row['document']) }
    : { document: String(row['document']) };

const send = (reply: Reply): void => parentPort?.postMessage(reply);
