CREATE TABLE tasks (
  organisation_id uuid NOT NULL REFERENCES organisations ON DELETE CASCADE,
  number integer NOT NULL,
  title text NOT NULL,
  description text NOT NULL DEFAULT '',
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'doing', 'done')),
  assignee_id uuid,
  due_on date,
  created_by uuid REFERENCES users ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- Counts changes: whoever edits an older version than the stored one is told so.
  version integer NOT NULL DEFAULT 1,
  -- Lower case by ICU, whatever the database's own locale makes of letters outside ASCII.
  words tsvector NOT NULL GENERATED ALWAYS AS (
    to_tsvector('simple', lower((title || ' ' || description) COLLATE "und-x-icu"))
  ) STORED,
  PRIMARY KEY (organisation_id, number),
  -- Only members are assigned; who leaves is unassigned.
  FOREIGN KEY (organisation_id, assignee_id) REFERENCES memberships (organisation_id, user_id) ON DELETE SET NULL (assignee_id)
);
CREATE INDEX tasks_by_assignee ON tasks (organisation_id, assignee_id);
CREATE INDEX tasks_by_words ON tasks USING gin (words);

CREATE TABLE comments (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  organisation_id uuid NOT NULL,
  task_number integer NOT NULL,
  author_id uuid REFERENCES users ON DELETE SET NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (organisation_id, task_number) REFERENCES tasks (organisation_id, number) ON DELETE CASCADE
);
CREATE INDEX comments_by_task ON comments (organisation_id, task_number, created_at);
