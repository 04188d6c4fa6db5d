import { hashPassword } from './auth/password.ts';
import { loadConfig } from './config.ts';
import { type Sql, openDatabase } from './postgres.ts';

// Fills an empty database with something to look at: two people, one organisation, a handful of tasks.

const PASSWORD = 'tasks-tasks-tasks';
const people = [
  { name: 'Ada Example', email: 'ada@example.org', role: 'owner' },
  { name: 'Ben Example', email: 'ben@example.org', role: 'member' },
] as const;
const tasks = [
  { title: 'Order paper for the spring catalogue', status: 'done', assignee: 1, dueIn: -4 },
  { title: 'Proof-read the first sheet', status: 'doing', assignee: 0, dueIn: 1, description: 'Names and prices first; commas can wait.' },
  { title: 'Ask the binder for a date', status: 'open', assignee: 1, dueIn: -1 },
  { title: 'Photograph the cover in daylight', status: 'open', assignee: undefined, dueIn: 9 },
  { title: 'Write to last year’s subscribers', status: 'open', assignee: 0, dueIn: undefined, description: 'A short note, not a newsletter.' },
] as const;

async function main(): Promise<void> {
  const { databaseUrl } = loadConfig(process.env, ['databaseUrl']);
  const database = openDatabase(databaseUrl, () => undefined);
  try {
    const made = await database.transaction(async (sql) => {
      const { rows } = await sql.query('SELECT FROM users WHERE email = $1', [people[0].email]);
      return rows.length === 0 && (await fill(sql));
    });
    const how = `Sign in as ${people.map(({ email }) => email).join(' or ')} with the password ${PASSWORD}`;
    console.log(made ? how : `Nothing to do: ${people[0].email} is there already. ${how}`);
  } finally {
    await database.close();
  }
}

async function fill(sql: Sql): Promise<true> {
  const { rows } = await sql.query<{ id: string }>("INSERT INTO organisations (name, last_task_number) VALUES ('Paper & Thread', $1) RETURNING id", [
    tasks.length,
  ]);
  const organisation = rows[0]?.id;
  const ids: (string | undefined)[] = [];
  for (const { name, email, role } of people) {
    const { rows: made } = await sql.query<{ id: string }>('INSERT INTO users (email, name, password_hash) VALUES ($1, $2, $3) RETURNING id', [
      email,
      name,
      await hashPassword(PASSWORD),
    ]);
    ids.push(made[0]?.id);
    await sql.query('INSERT INTO memberships (organisation_id, user_id, role) VALUES ($1, $2, $3)', [organisation, made[0]?.id, role]);
  }
  for (const [index, task] of tasks.entries()) {
    await sql.query(
      `INSERT INTO tasks (organisation_id, number, title, description, status, assignee_id, due_on, created_by)
       VALUES ($1, $2, $3, $4, $5, $6, current_date + $7::int, $8)`,
      [
        organisation,
        index + 1,
        task.title,
        'description' in task ? task.description : '',
        task.status,
        task.assignee === undefined ? null : ids[task.assignee],
        task.dueIn ?? null,
        ids[0],
      ],
    );
  }
  await sql.query('INSERT INTO comments (organisation_id, task_number, author_id, body) VALUES ($1, 3, $2, $3)', [
    organisation,
    ids[1],
    'He is away until Thursday. I will try again then.',
  ]);
  return true;
}

main().catch((error: unknown) => {
  console.error(`Nothing was filled in. ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
