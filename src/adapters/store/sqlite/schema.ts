/**
 * How the database came to be: version N is reached by running the first N entries, each in a transaction of its own. Entries
 * that were released are never changed; a new form of a table is a new entry.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value REAL NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO meta VALUES ('epoch', 0), ('clock', 0);

  CREATE TABLE app (name TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;
  CREATE TABLE environment (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, document TEXT NOT NULL) STRICT;

  CREATE TABLE release (
    id TEXT PRIMARY KEY, environment TEXT NOT NULL, number INTEGER NOT NULL, document TEXT NOT NULL,
    UNIQUE (environment, number)
  ) STRICT;
  CREATE TABLE workload (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;
  CREATE TABLE release_workload (
    release TEXT NOT NULL REFERENCES release (id) ON DELETE CASCADE,
    workload TEXT NOT NULL REFERENCES workload (id),
    PRIMARY KEY (release, workload)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX release_workload_workload ON release_workload (workload);

  CREATE TABLE rollout (
    id TEXT PRIMARY KEY, environment TEXT NOT NULL, release TEXT NOT NULL, active INTEGER NOT NULL, document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX rollout_environment ON rollout (environment, id);
  CREATE INDEX rollout_release ON rollout (release);
  CREATE INDEX rollout_active ON rollout (id) WHERE active = 1;

  CREATE TABLE event (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, app TEXT, environment TEXT, rollout TEXT, document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX event_app ON event (app, sequence) WHERE app IS NOT NULL;
  CREATE INDEX event_app_environment ON event (app, environment, sequence) WHERE environment IS NOT NULL;
  CREATE INDEX event_environment ON event (environment, sequence) WHERE environment IS NOT NULL;
  CREATE INDEX event_rollout ON event (rollout, sequence) WHERE rollout IS NOT NULL;
  `,
  `
  CREATE TABLE hook (app TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;
  CREATE TABLE delivery (
    id TEXT PRIMARY KEY, app TEXT NOT NULL, name TEXT NOT NULL, digest TEXT, at REAL NOT NULL, open INTEGER NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (app, name)
  ) STRICT;
  CREATE INDEX delivery_app ON delivery (app, id);
  CREATE INDEX delivery_digest ON delivery (app, digest, id) WHERE digest IS NOT NULL;
  CREATE INDEX delivery_open ON delivery (id) WHERE open = 1;
  `,
  `
  CREATE TABLE run (
    id TEXT PRIMARY KEY, app TEXT NOT NULL, active INTEGER NOT NULL, document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX run_app ON run (app, id);
  CREATE INDEX run_active ON run (id) WHERE active = 1;
  `,
];

/** Marks the file as ours ("SgBx"), so that another program's database is never migrated. */
export const applicationId = 0x53674278;
