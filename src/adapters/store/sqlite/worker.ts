import { parentPort, workerData } from 'node:worker_threads';
import { SignalboxError } from '../../../domain/errors.ts';
import type { Call, CallName, Calls, Refusal, Reply, Row, WorkerOptions } from './calls.ts';
import { commitAll } from './commit.ts';
import { type Database, isCurrent, migrate, openDatabase } from './database.ts';
import { refusalOf, sqliteFault } from './errors.ts';
import { HomeLock } from './lock.ts';
import { pruneEvents, pruneReleases } from './prune.ts';
import { Reserve } from './reserve.ts';

/** The store's thread: everything that may wait for the disk. Answers batches of calls in their order. */

const options = workerData as WorkerOptions;
const lock = new HomeLock(options.lockFile, options.pid);
const reserve = new Reserve(options.file, options.reserve);
let database: Database | null = null;

const works: { readonly [Name in Exclude<CallName, 'commit'>]: (ask: Calls[Name]['ask']) => Calls[Name]['answer'] } = {
  open() {
    database = withRoom(() => openDatabase(options.file, options.busyTimeout));
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

parentPort?.on('message', (calls: readonly Call[]) => {
  for (let next = 0; next < calls.length; ) {
    const together = commitsFrom(calls, next);
    if (together.length > 0) commit(together);
    else work(calls[next] as Exclude<Call, { name: 'commit' }>);
    next += Math.max(1, together.length);
  }
});

type CommitCall = Extract<Call, { name: 'commit' }>;

function commitsFrom(calls: readonly Call[], start: number): readonly CommitCall[] {
  const together: CommitCall[] = [];
  for (let at = start; at < calls.length; at += 1) {
    const call = calls[at];
    if (call?.name !== 'commit') break;
    together.push(call);
  }
  return together;
}

function commit(calls: readonly CommitCall[]): void {
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
  calls.forEach((call, index) => {
    const refusal = ends[index] ?? null;
    send(refusal === null ? { id: call.id, ok: true, answer: null } : { id: call.id, ok: false, refusal });
  });
}

function work(call: Exclude<Call, { name: 'commit' }>): void {
  try {
    const answer = (works[call.name] as (ask: unknown) => Calls[CallName]['answer'])(call.ask);
    send({ id: call.id, ok: true, answer });
  } catch (error) {
    send({ id: call.id, ok: false, refusal: refusalOf(error, options.file) });
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
