import { createHmac, randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'

const PAGES_PER_DAY = 200
const DAYS_KEPT = 400

const schema = `
  CREATE TABLE IF NOT EXISTS daily (
    day TEXT NOT NULL, page TEXT NOT NULL, views INTEGER NOT NULL DEFAULT 0, visitors INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, page)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS seen (
    day TEXT NOT NULL, page TEXT NOT NULL, visitor TEXT NOT NULL,
    PRIMARY KEY (day, page, visitor)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS keys (day TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID;
`

/** In `daily` and `seen` this page stands for the whole site. */
const WHOLE_SITE = ''

/**
 * The counts, in one SQLite file that several processes may share.
 *
 * A visitor is known for one UTC day only, as an HMAC of address and browser under that day's random key. When a day is
 * over its key and its hashes are deleted; what stays is sums.
 *
 * @param {string} folder created when missing
 */
export function openStore(folder) {
  mkdirSync(folder, { recursive: true })
  const db = new Database(join(folder, 'gallery.db'))
  db.pragma('busy_timeout = 5000')
  db.pragma('journal_mode = WAL')
  db.exec(schema)

  const forgetDaysBefore = (day) => {
    db.prepare('DELETE FROM daily WHERE day < ?').run(dayOf(Date.parse(day) - DAYS_KEPT * 86_400_000))
    db.prepare('DELETE FROM keys WHERE day < ?').run(day)
    db.prepare('DELETE FROM seen WHERE day < ?').run(day)
  }

  const keyOf = (day) => {
    db.prepare('INSERT OR IGNORE INTO keys (day, key) VALUES (?, ?)').run(day, randomBytes(32).toString('hex'))
    return db.prepare('SELECT key FROM keys WHERE day = ?').get(day).key
  }

  /** Whether this is the visitor's first view of the page today; false for somebody who asked not to be tracked. */
  const isNew = (day, page, visitor) => {
    if (!visitor) return false
    const hash = createHmac('sha256', keyOf(day)).update(`${visitor.address}\n${visitor.browser}`).digest('hex').slice(0, 24)
    return db.prepare('INSERT OR IGNORE INTO seen (day, page, visitor) VALUES (?, ?, ?)').run(day, page, hash).changes === 1
  }

  const add = (day, page, visitor) => {
    const first = isNew(day, page, visitor) ? 1 : 0
    db.prepare(
      `INSERT INTO daily (day, page, views, visitors) VALUES (?, ?, 1, ?)
       ON CONFLICT (day, page) DO UPDATE SET views = views + 1, visitors = visitors + excluded.visitors`,
    ).run(day, page, first)
  }

  const today = (day, page) => {
    const row = db.prepare('SELECT views, visitors FROM daily WHERE day = ? AND page = ?').get(day, page)
    return { page, views: row?.views ?? 0, visitors: row?.visitors ?? 0 }
  }

  const record = db.transaction((day, page, visitor) => {
    forgetDaysBefore(day)
    const { known } = db.prepare('SELECT count(*) AS known FROM daily WHERE day = ? AND page <> ?').get(day, page)
    if (known > PAGES_PER_DAY) return undefined
    add(day, page, visitor)
    add(day, WHOLE_SITE, visitor)
    return today(day, page)
  })

  return {
    /**
     * Counts one view. `visitor` is `{ address, browser }`, or undefined to count the view alone.
     * Returns today's counts of the page, or undefined when the day already has more pages than the site can have.
     */
    visit: (now, page, visitor) => record.immediate(dayOf(now), page, visitor),

    today: (now, page) => today(dayOf(now), page),

    /** Totals per page, and per day for the last 30 days, newest first. */
    stats() {
      const pages = db
        .prepare('SELECT page, sum(views) AS views FROM daily WHERE page <> ? GROUP BY page ORDER BY views DESC, page')
        .all(WHOLE_SITE)
      const days = db.prepare('SELECT day, views, visitors FROM daily WHERE page = ? ORDER BY day DESC LIMIT 30').all(WHOLE_SITE)
      return {
        pages: pages.map(({ page, views }) => ({ page, views })),
        days: days.map(({ day, views, visitors }) => ({ day, views, visitors })),
      }
    },

    /** Throws when the database cannot be read. */
    check: () => void db.prepare('SELECT count(*) AS days FROM keys').get(),

    close: () => db.close(),
  }
}

const dayOf = (time) => new Date(time).toISOString().slice(0, 10)
