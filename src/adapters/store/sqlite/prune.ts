import type { Database } from './database.ts';

/** Rows removed in one call at most, so that a commit never waits long behind a prune. */
const releasesAtOnce = 100;
const eventsAtOnce = 2000;

interface ReleaseLimits {
  /** Newest releases of each environment that stay in any case. */
  readonly perEnvironment: number;
  readonly keep: readonly string[];
}

/**
 * Removes the oldest releases beyond the limit with their rollouts, the events of those and workloads that no other release
 * has. What an environment or an active rollout names stays, whatever the caller forgot. Call again while there is more.
 */
export function pruneReleases(database: Database, limits: ReleaseLimits): { removed: readonly string[]; more: boolean } {
  const removed = database.transaction(() => {
    const ids = surplus(database, limits);
    for (const id of ids) removeRelease(database, id);
    return ids;
  });
  giveBack(database);
  return { removed, more: removed.length === releasesAtOnce };
}

/** Keeps the newest `events` sequence numbers. Call again while there is more. */
export function pruneEvents(database: Database, events: number): { more: boolean } {
  const newest = Number(database.value('SELECT max(sequence) FROM event') ?? 0);
  const removed = database.transaction(() =>
    database.run(
      'DELETE FROM event WHERE sequence IN (SELECT sequence FROM event WHERE sequence <= ? ORDER BY sequence LIMIT ?)',
      [newest - events, eventsAtOnce],
    ),
  );
  giveBack(database);
  return { more: removed === eventsAtOnce };
}

function surplus(database: Database, limits: ReleaseLimits): readonly string[] {
  const kept = new Set([...limits.keep, ...named(database)]);
  const ids: string[] = [];
  for (const environment of environmentsWithReleases(database)) {
    const newestSurplus = database.value(
      'SELECT number FROM release WHERE environment = ? ORDER BY number DESC LIMIT 1 OFFSET ?',
      [environment, limits.perEnvironment],
    );
    if (newestSurplus === undefined) continue;
    const rows = database.all('SELECT id FROM release WHERE environment = ? AND number <= ? ORDER BY number LIMIT ?', [
      environment,
      Number(newestSurplus),
      kept.size + releasesAtOnce,
    ]);
    for (const row of rows) {
      const id = String(row['id']);
      if (!kept.has(id)) ids.push(id);
      if (ids.length === releasesAtOnce) return ids;
    }
  }
  return ids;
}

/** Steps from one to the next by the index; a DISTINCT would read all releases. */
function* environmentsWithReleases(database: Database): Generator<string> {
  for (let last = ''; ; ) {
    const next = database.value('SELECT min(environment) FROM release WHERE environment > ?', [last]);
    if (typeof next !== 'string') return;
    yield next;
    last = next;
  }
}

/** Releases that environments and active rollouts mention, wherever in the document: as a value or as a key. */
function named(database: Database): readonly string[] {
  return database
    .all(
      `WITH living (document) AS (SELECT document FROM environment UNION ALL SELECT document FROM rollout WHERE active = 1),
            word (text) AS (SELECT atom FROM living, json_tree(living.document) WHERE type = 'text'
                            UNION SELECT key FROM living, json_tree(living.document) WHERE typeof(key) = 'text')
       SELECT id FROM release WHERE id IN (SELECT text FROM word)`,
    )
    .map((row) => String(row['id']));
}

function removeRelease(database: Database, id: string): void {
  const workloads = database.all('SELECT workload FROM release_workload WHERE release = ?', [id]);
  database.run('DELETE FROM event WHERE rollout IN (SELECT id FROM rollout WHERE release = ?)', [id]);
  database.run('DELETE FROM rollout WHERE release = ?', [id]);
  database.run('DELETE FROM release WHERE id = ?', [id]);
  for (const row of workloads) {
    const workload = String(row['workload']);
    database.run('DELETE FROM workload WHERE id = ? AND NOT EXISTS (SELECT 1 FROM release_workload WHERE workload = ?)', [
      workload,
      workload,
    ]);
  }
}

/** Free pages go back to the disk a few at a time. */
function giveBack(database: Database): void {
  database.exec('PRAGMA incremental_vacuum(500)');
}
