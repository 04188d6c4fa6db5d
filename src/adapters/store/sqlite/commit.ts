import { SignalboxError } from '../../../domain/errors.ts';
import { rememberedFor, rememberedOfApp } from '../../../domain/forge/delivery.ts';
import type { EncodedChange, EncodedDelivery, EncodedRelease } from './calls.ts';
import type { Database } from './database.ts';
import { isBusy, sqliteFault, storeError } from './errors.ts';
import type { Reserve } from './reserve.ts';

export interface CommitPlace {
  readonly database: Database;
  readonly file: string;
  readonly reserve: Reserve;
}

/**
 * Writes changes that waited together with one flush of the disk. Each is all or nothing by itself: one that is refused leaves
 * the others. Answers in the order of `changes`; null means on disk.
 */
export function commitAll(place: CommitPlace, changes: readonly EncodedChange[]): readonly (SignalboxError | null)[] {
  if (changes.length === 1) return changes.map((change) => commitAlone(place, change));
  try {
    return place.database.transaction(() => changes.map((change) => applyOrUndo(place.database, change)));
  } catch (error) {
    if (isBusy(error)) return changes.map(() => storeError(error, place.file));
    // The whole transaction is gone, whoever's fault it was: each on its own finds out.
    return changes.map((change) => commitAlone(place, change));
  } finally {
    place.reserve.restore();
  }
}

function commitAlone(place: CommitPlace, change: EncodedChange): SignalboxError | null {
  try {
    return writeWithReserve(place, change);
  } catch (error) {
    return storeError(error, place.file);
  } finally {
    place.reserve.restore();
  }
}

/** New releases may not use the reserve, so that a deploy never eats what its own rollback needs. */
function writeWithReserve(place: CommitPlace, change: EncodedChange): SignalboxError | null {
  const { database, reserve } = place;
  const write = (): SignalboxError | null => database.transaction(() => applyOrUndo(database, change));
  const brings = change.releases.length > 0;
  if (brings && !reserve.whole && !reserve.restore()) {
    throw new SignalboxError('STORE_FULL', `The disk of ${place.file} is full; no new release is taken until there is room.`, {
      details: { file: place.file },
    });
  }
  try {
    return write();
  } catch (error) {
    const full = sqliteFault(error)?.code.startsWith('SQLITE_FULL') === true;
    if (!full || brings || !reserve.release()) throw error;
    return write();
  }
}

/** Our own refusals undo this change only and are answered; the database's own errors end the transaction. */
function applyOrUndo(database: Database, change: EncodedChange): SignalboxError | null {
  database.exec('SAVEPOINT change');
  try {
    apply(database, change);
    database.exec('RELEASE change');
    return null;
  } catch (error) {
    if (!(error instanceof SignalboxError)) throw error;
    database.exec('ROLLBACK TO change; RELEASE change');
    return error;
  }
}

function apply(database: Database, change: EncodedChange): void {
  refuseStale(database, change.epoch);
  database.run(`UPDATE meta SET value = max(value, ?) WHERE key = 'clock'`, [change.at]);
  for (const app of change.apps) putApp(database, app);
  for (const environment of change.environments) putEnvironment(database, environment);
  for (const release of change.releases) addRelease(database, release);
  for (const { id, environment, release, active, document } of change.rollouts) {
    database.run(
      `INSERT INTO rollout VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET active = excluded.active, document = excluded.document`,
      [id, environment, release, active ? 1 : 0, document],
    );
  }
  for (const { id, app, active, document } of change.runs) {
    database.run(
      'INSERT INTO run VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET active = excluded.active, document = excluded.document',
      [id, app, active ? 1 : 0, document],
    );
  }
  for (const { app, environment, rollout, document } of change.events) {
    database.run('INSERT INTO event (app, environment, rollout, document) VALUES (?, ?, ?, ?)', [
      app,
      environment,
      rollout,
      document,
    ]);
  }
  for (const { app, document } of change.hooks) {
    database.run('INSERT INTO hook VALUES (?, ?) ON CONFLICT (app) DO UPDATE SET document = excluded.document', [app, document]);
  }
  for (const app of change.removedHooks) database.run('DELETE FROM hook WHERE app = ?', [app]);
  const grown = change.deliveries.filter((delivery) => putDelivery(database, delivery)).map(({ app }) => app);
  for (const app of new Set(grown)) forgetDeliveries(database, { app, now: change.at, fresh: grown.length });
}

function refuseStale(database: Database, epoch: number): void {
  const current = Number(database.value(`SELECT value FROM meta WHERE key = 'epoch'`));
  if (epoch === current) return;
  throw new SignalboxError('STALE_EPOCH', `A decision of epoch ${epoch} was refused; the home is at epoch ${current}.`, {
    details: { epoch, current },
  });
}

/** True when it is new. */
function putDelivery(database: Database, delivery: EncodedDelivery): boolean {
  const { id, app, name, digest, at, open, document } = delivery;
  const changed = database.run('UPDATE delivery SET open = ?, document = ? WHERE id = ?', [open ? 1 : 0, document, id]);
  if (changed > 0) return false;
  if (database.value('SELECT id FROM delivery WHERE app = ? AND name = ?', [app, name]) !== undefined) {
    throw conflict(`A delivery ${name} of ${app} is there already.`, { app, name });
  }
  database.run('INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?)', [id, app, name, digest, at, open ? 1 : 0, document]);
  return true;
}

/** The oldest that are looked at for each new one: they are forgotten faster than they come. */
const oldestLookedAt = 20;

function forgetDeliveries(database: Database, of: { app: string; now: number; fresh: number }): void {
  const newestSurplus = database.value('SELECT id FROM delivery WHERE app = ? ORDER BY id DESC LIMIT 1 OFFSET ?', [
    of.app,
    rememberedOfApp,
  ]);
  database.run(
    `DELETE FROM delivery WHERE open = 0 AND (at < ? OR id <= ?)
     AND id IN (SELECT id FROM delivery WHERE app = ? ORDER BY id LIMIT ?)`,
    [of.now - rememberedFor, typeof newestSurplus === 'string' ? newestSurplus : '', of.app, oldestLookedAt * of.fresh],
  );
}

/** The first record stays as it is. */
function putApp(database: Database, app: EncodedChange['apps'][number]): void {
  database.run('INSERT INTO app VALUES (?, ?) ON CONFLICT DO NOTHING', [app.name, app.document]);
}

function putEnvironment(database: Database, environment: EncodedChange['environments'][number]): void {
  const { key, revision, document } = environment;
  const stored = database.value('SELECT revision FROM environment WHERE key = ?', [key]);
  const expected = stored === undefined ? 0 : Number(stored) + 1;
  if (revision !== expected) {
    throw conflict(`Environment ${key} has changed in the meantime.`, { environment: key, revision, expected });
  }
  database.run(
    'INSERT INTO environment VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, document = excluded.document',
    [key, revision, document],
  );
}

function addRelease(database: Database, release: EncodedRelease): void {
  const { id, environment, number, document, workloads } = release;
  const taken = database.value('SELECT id FROM release WHERE id = ? OR (environment = ? AND number = ?)', [
    id,
    environment,
    number,
  ]);
  if (taken !== undefined) throw conflict(`Release ${id} exists already; a release never changes.`, { release: id });
  database.run('INSERT INTO release VALUES (?, ?, ?, ?)', [id, environment, number, document]);
  for (const workload of workloads) {
    database.run('INSERT INTO workload VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document', [
      workload.id,
      workload.document,
    ]);
    database.run('INSERT OR IGNORE INTO release_workload VALUES (?, ?)', [id, workload.id]);
  }
}

const conflict = (message: string, details: Record<string, unknown>): SignalboxError =>
  new SignalboxError('CONFLICT', `${message} Nothing of this change was written.`, { details });
