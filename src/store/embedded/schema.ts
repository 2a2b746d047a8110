// The tables, and how an older file becomes a newer one. Forward only.
import { systemNote } from '../../contracts/audit.js';
import { instant } from '../../core/units.js';
import { AUDIT_TABLE, appendInside } from './audit-rows.js';
import { type Database, DatabaseTrouble } from './sqlite.js';

/** "GODK": tells our files from those of other programs. */
const APPLICATION_ID = 0x474f444b;

/** Tags of every job that is over, out of what was asked; members have those of their array. Repeatable. */
export const TAG_ALL = `
  INSERT OR IGNORE INTO past_tags
    SELECT j.owner, t.value, j.submitted_at, j.id, j.project
    FROM jobs j JOIN submissions s ON s.id = coalesce(j.parent, j.id),
      json_each(CASE WHEN json_valid(s.asked) THEN s.asked ELSE '{}' END, '$.spec.tags') t
    WHERE j.state = 'over' AND typeof(t.value) = 'text';`;

/**
 * Step n makes version n + 1 of version n. Never edited once released: add a step.
 *
 * `jobs` holds what cycles and lists ask for; `life` is JSON of what changes besides. `submissions` is written once
 * and never again, so that a step of a job costs the same whatever the size of its request; the script stands last,
 * where lists do not touch its pages.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO counters VALUES ('job', 0);

  CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    project TEXT NOT NULL,
    state TEXT NOT NULL,
    launches INTEGER NOT NULL,
    version INTEGER NOT NULL,
    submitted_at INTEGER NOT NULL,
    not_before INTEGER,
    ended_at INTEGER,
    kill_wanted_by TEXT,
    kill_wanted_at INTEGER,
    executor TEXT,
    idem_key TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    shape TEXT NOT NULL,
    life TEXT NOT NULL
  ) STRICT;
  CREATE INDEX jobs_state ON jobs (state, id);
  CREATE INDEX jobs_owner ON jobs (owner, state, id);
  CREATE INDEX jobs_project ON jobs (project, state, id);
  CREATE INDEX jobs_sweep ON jobs (submitted_at, id) WHERE state = 'pending';
  CREATE INDEX jobs_kill_wanted ON jobs (id) WHERE kill_wanted_by IS NOT NULL AND state <> 'over';

  CREATE TABLE submissions (id INTEGER PRIMARY KEY, asked TEXT NOT NULL, script TEXT NOT NULL) STRICT;
  CREATE TABLE users (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE lease (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    holder TEXT NOT NULL,
    beat INTEGER NOT NULL
  ) STRICT;
  `,
  "CREATE INDEX jobs_ended ON jobs (ended_at) WHERE state = 'over'",
  'CREATE TABLE projects (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT, WITHOUT ROWID',
  // Products may outgrow 64 bits. `ended`: sum of time_ms × milliseconds from the start of the day to the end.
  `
  CREATE TABLE used_days (
    day INTEGER NOT NULL,
    owner TEXT NOT NULL,
    project TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    cpu_milli INTEGER NOT NULL,
    mem_mb INTEGER NOT NULL,
    gpus INTEGER NOT NULL,
    cpu_milli_ms REAL NOT NULL,
    mem_mb_ms REAL NOT NULL,
    gpu_ms REAL NOT NULL,
    ended REAL NOT NULL,
    PRIMARY KEY (day, owner, project)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO used_days
    SELECT day, owner, project, sum(time_ms), sum(cpu_milli), sum(mem_mb), sum(gpus),
      total(time_ms * cpu_milli * 1.0), total(time_ms * mem_mb * 1.0), total(time_ms * gpus * 1.0),
      total((ended_at - day * 86400000) * time_ms * 1.0)
    FROM (
      SELECT owner, project, ended_at, ended_at / 86400000 AS day,
        ended_at - CASE WHEN json_valid(life) THEN json_extract(life, '$.startedAt') END AS time_ms,
        CASE WHEN json_valid(life) THEN json_extract(life, '$.outcome.kind') END AS outcome,
        CASE WHEN json_valid(shape) THEN json_extract(shape, '$.needs.cpuMilli') END AS cpu_milli,
        CASE WHEN json_valid(shape) THEN json_extract(shape, '$.needs.memMb') END AS mem_mb,
        CASE WHEN json_valid(shape) THEN json_extract(shape, '$.needs.gpus') END AS gpus
      FROM jobs WHERE state = 'over')
    WHERE time_ms > 0 AND outcome <> 'gaveUp' AND cpu_milli IS NOT NULL
    GROUP BY day, owner, project;
    `,
  // Arrays: the parent has a size, members have a parent. Codes stand in a column so that they can be counted.
  `
  ALTER TABLE jobs ADD COLUMN parent INTEGER;
  ALTER TABLE jobs ADD COLUMN array_size INTEGER;
  ALTER TABLE jobs ADD COLUMN array_limit INTEGER;
  ALTER TABLE jobs ADD COLUMN exit_code INTEGER;
  CREATE INDEX jobs_arrays ON jobs (id) WHERE array_size IS NOT NULL;
  CREATE INDEX jobs_members ON jobs (parent, id, state, exit_code) WHERE parent IS NOT NULL;
  CREATE INDEX jobs_sweep_arrays ON jobs (submitted_at, id) WHERE state = 'open';
  `,
  // The day of a reset, and what its owner had used on that day by then.
  `
  CREATE TABLE quota_resets (
    kind TEXT NOT NULL CHECK (kind IN ('user', 'project')),
    id TEXT NOT NULL,
    day INTEGER NOT NULL,
    time_ms REAL NOT NULL,
    cpu_milli REAL NOT NULL,
    mem_mb REAL NOT NULL,
    gpus REAL NOT NULL,
    cpu_milli_ms REAL NOT NULL,
    mem_mb_ms REAL NOT NULL,
    gpu_ms REAL NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  `,
  // Sizes of job directories, their sums, and what is still to be measured.
  `
  ALTER TABLE jobs ADD COLUMN archived_at INTEGER;
  CREATE TABLE disk_jobs (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    project TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    is_over INTEGER NOT NULL,
    measured_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE disk_sums (
    owner TEXT NOT NULL,
    project TEXT NOT NULL,
    ended INTEGER NOT NULL,
    held INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (owner, project)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE disk_due (id INTEGER PRIMARY KEY) STRICT;
  INSERT INTO disk_due SELECT id FROM jobs WHERE state = 'over' AND json_valid(life)
    AND json_extract(life, '$.directory') IS NOT NULL;
    `,
  // What jobs wait for besides resources. Members of arrays have no name here: their parent stands for them.
  `
  ALTER TABLE jobs ADD COLUMN name TEXT;
  ALTER TABLE jobs ADD COLUMN waits TEXT;
  ALTER TABLE jobs ADD COLUMN held_by TEXT;
  ALTER TABLE jobs ADD COLUMN held_at INTEGER;
  ALTER TABLE jobs ADD COLUMN held_admin INTEGER;
  UPDATE jobs SET name = (
      SELECT CASE WHEN json_valid(asked) THEN json_extract(asked, '$.spec.name') END
      FROM submissions WHERE submissions.id = jobs.id)
    WHERE state <> 'over' AND parent IS NULL;
  CREATE INDEX jobs_named ON jobs (owner, name, id) WHERE name IS NOT NULL AND state <> 'over';
  CREATE INDEX jobs_held ON jobs (id) WHERE held_by IS NOT NULL AND state IN ('pending', 'open');
  `,
  // Watchers: what ends leave behind (JSON objects with commas between), why a kill is wanted, their leases; and what was used.
  // Nothing is due of jobs that ended before.
  `
  ALTER TABLE jobs ADD COLUMN aftermath TEXT;
  ALTER TABLE jobs ADD COLUMN kill_because TEXT;
  CREATE INDEX jobs_aftermath ON jobs (id) WHERE aftermath IS NOT NULL;
  CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    holder TEXT NOT NULL,
    beat INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE accounting (
    job INTEGER NOT NULL,
    launch INTEGER NOT NULL,
    day INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (job, launch)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE accounting_days (
    day INTEGER NOT NULL,
    project TEXT NOT NULL,
    owner TEXT NOT NULL,
    queue TEXT NOT NULL,
    executor TEXT NOT NULL,
    is_charged INTEGER NOT NULL,
    launches INTEGER NOT NULL,
    ran_ms INTEGER NOT NULL,
    waited_ms INTEGER NOT NULL,
    cpu_ms INTEGER NOT NULL,
    gpu_ms INTEGER NOT NULL,
    mem_mb_seconds INTEGER NOT NULL,
    PRIMARY KEY (day, project, owner, queue, executor, is_charged)
  ) STRICT, WITHOUT ROWID;
  `,
  // Jobs that are over by date of submission, and by tag. They change no more, so each is written once.
  `
  CREATE INDEX jobs_past ON jobs (submitted_at, id) WHERE state = 'over';
  CREATE INDEX jobs_past_owner ON jobs (owner, submitted_at, id) WHERE state = 'over';
  CREATE INDEX jobs_past_project ON jobs (project, submitted_at, id) WHERE state = 'over';
  CREATE TABLE past_tags (
    owner TEXT NOT NULL,
    tag TEXT NOT NULL,
    submitted_at INTEGER NOT NULL,
    id INTEGER NOT NULL,
    project TEXT NOT NULL,
    PRIMARY KEY (owner, tag, submitted_at, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX past_tags_all ON past_tags (tag, submitted_at, id);
  ${TAG_ALL}
  `,
  AUDIT_TABLE,
];

/**
 * Brings the file to the newest version, in one transaction; safe to interrupt, safe from several processes at once.
 * @throws DatabaseTrouble `newer-schema`, `not-a-store`, or what else ails the file
 */
export function migrate(database: Database): void {
  // Looked at before anything is written: a file of another program stays as it is.
  const version = checkedVersion(database);
  if (database.pragma('journal_mode') !== 'wal') database.pragma('journal_mode = WAL');
  if (version === MIGRATIONS.length) return;
  database.write(() => {
    // Again, now that the lock is ours: another process may have been faster.
    const from = checkedVersion(database);
    if (from === 0) database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    for (const step of MIGRATIONS.slice(from)) database.exec(step);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    // Of a file that is new there is nothing to tell.
    if (from > 0) appendInside(database, [migrated(from)]);
  });
}

const migrated = (from: number) =>
  systemNote({
    at: instant(Date.now()),
    act: 'schema.migrated',
    subject: { kind: 'store', id: 'embedded' },
    facts: { from, to: MIGRATIONS.length },
  });

/** The version of the schema; 0: the file is new. @throws DatabaseTrouble `newer-schema`, `not-a-store` */
export function checkedVersion(database: Database): number {
  const version = Number(database.pragma('user_version'));
  const isOurs = database.pragma('application_id') === APPLICATION_ID;
  const tables = database.prepare('SELECT count(*) FROM sqlite_master').get()?.[0];
  if (!isOurs && (version > 0 || tables !== 0))
    throw new DatabaseTrouble('not-a-store', 'the file is a database of another program');
  if (version > MIGRATIONS.length)
    throw new DatabaseTrouble(
      'newer-schema',
      `the store has schema ${version}, made by a newer GoDocker; this one knows ${MIGRATIONS.length}`,
    );
  return version;
}
