// Sizes of job directories: each write moves the sums with it, so that they are exact whoever measures what when.
import type { DirectorySize, DiskUse } from '../../contracts/store.js';
import { projectId, userId } from '../../core/units.js';
import type { Database, Row } from './sqlite.js';

const SUMMED = `SELECT owner, project, sum(bytes * is_over), sum(bytes * (1 - is_over)), count(*)
  FROM disk_jobs GROUP BY owner, project`;

const prepareAll = (database: Database) => ({
  job: database.prepare(
    "SELECT owner, project, state = 'over', archived_at IS NOT NULL FROM jobs WHERE id = ?",
  ),
  known: database.prepare(
    'SELECT owner, project, bytes, is_over, measured_at FROM disk_jobs WHERE id = ?',
  ),
  put: database.prepare('INSERT OR REPLACE INTO disk_jobs VALUES (?, ?, ?, ?, ?, ?)'),
  drop: database.prepare('DELETE FROM disk_jobs WHERE id = ?'),
  add: database.prepare(
    `INSERT INTO disk_sums VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET ended = ended + excluded.ended, held = held + excluded.held,
       jobs = jobs + excluded.jobs`,
  ),
  due: database.prepare('INSERT OR IGNORE INTO disk_due VALUES (?)'),
  done: database.prepare('DELETE FROM disk_due WHERE id = ?'),
  archive: database.prepare(
    `UPDATE jobs SET archived_at = ?, version = version + 1
     WHERE id = ? AND state = 'over' AND archived_at IS NULL`,
  ),
  allDue: database.prepare(
    `INSERT OR IGNORE INTO disk_due SELECT id FROM jobs
     WHERE state = 'over' AND archived_at IS NULL AND json_valid(life)
       AND json_extract(life, '$.directory') IS NOT NULL`,
  ),
  countDue: database.prepare('SELECT count(*) FROM disk_due'),
  dropSums: database.prepare('DELETE FROM disk_sums'),
  sumAgain: database.prepare(`INSERT INTO disk_sums ${SUMMED}`),
});

/** A damaged record names no directory. */
export const DISK_DUE = `SELECT d.id,
    CASE WHEN json_valid(j.life) THEN json_extract(j.life, '$.directory') END
  FROM disk_due d LEFT JOIN jobs j ON j.id = d.id
  WHERE d.id > ? ORDER BY d.id LIMIT ?`;
export const DISK_USE =
  'SELECT owner, project, ended, held, jobs FROM disk_sums WHERE jobs > 0 ORDER BY owner, project';
export const DISK_OF = 'SELECT bytes FROM disk_jobs WHERE id = ?';

export const diskUseOf = ([owner, project, ended, held, jobs]: Row): DiskUse => ({
  owner: userId(String(owner)),
  project: projectId(String(project)),
  endedBytes: Number(ended),
  heldBytes: Number(held),
  jobs: Number(jobs),
});

/** Inside a transaction that has put sizes without their sums. */
export function sumSizesAgain(database: Database): void {
  database.exec('DELETE FROM disk_sums');
  database.exec(`INSERT INTO disk_sums ${SUMMED}`);
}

interface Change {
  readonly owner: string;
  readonly project: string;
  readonly ended: number;
  readonly held: number;
  readonly jobs: number;
}

/** The part of the writer for these tables; runs inside its transactions. */
export class DiskWriter {
  readonly #statements: ReturnType<typeof prepareAll>;

  constructor(database: Database) {
    this.#statements = prepareAll(database);
  }

  /** A job has ended and left a directory. */
  due(id: number): void {
    this.#statements.due.run(id);
  }

  putAll(sizes: readonly DirectorySize[]): void {
    this.#addUp(sizes.flatMap((size) => this.#put(size)));
  }

  /** How the sums change with it. */
  #put({ id, bytes, isOver, measuredAt }: DirectorySize): readonly Change[] {
    const job = this.#statements.job.get(id);
    if (job === undefined || (isOver && job[2] !== 1)) return [];
    if (isOver) this.#statements.done.run(id);
    if (job[3] === 1) return [];
    const known = this.#statements.known.get(id);
    const isOlder = known !== undefined && Number(known[4]) > measuredAt;
    // A measurement that began while the job ran says nothing of what its end left.
    if (isOlder || (known?.[3] === 1 && !isOver)) return [];
    const [owner, project] = [String(job[0]), String(job[1])];
    this.#statements.put.run(id, owner, project, bytes, isOver ? 1 : 0, measuredAt);
    const [ended, held] = isOver ? [bytes, 0] : [0, bytes];
    return [...this.#withoutFormer(known), { owner, project, ended, held, jobs: 1 }];
  }

  /** Jobs of one account change its sums together. */
  #addUp(changes: readonly Change[]): void {
    const sums = new Map<string, { -readonly [Name in keyof Change]: Change[Name] }>();
    for (const change of changes) {
      const key = JSON.stringify([change.owner, change.project]);
      const sum = sums.get(key);
      if (sum === undefined) {
        sums.set(key, { ...change });
        continue;
      }
      sum.ended += change.ended;
      sum.held += change.held;
      sum.jobs += change.jobs;
    }
    for (const { owner, project, ended, held, jobs } of sums.values())
      this.#statements.add.run(owner, project, ended, held, jobs);
  }

  archive(id: number, at: number): 'archived' | 'already' | 'not-over' | 'unknown' {
    const isDone = this.#statements.archive.run(at, id) > 0;
    const job = this.#statements.job.get(id);
    if (job === undefined) return 'unknown';
    if (job[3] !== 1) return 'not-over';
    this.#statements.done.run(id);
    const known = this.#statements.known.get(id);
    if (known !== undefined) this.#statements.drop.run(id);
    this.#addUp(this.#withoutFormer(known));
    return isDone ? 'archived' : 'already';
  }

  recount(): number {
    const statements = this.#statements;
    statements.dropSums.run();
    statements.sumAgain.run();
    statements.allDue.run();
    return Number(statements.countDue.get()?.[0]);
  }

  /** What was in the sums of a job whose row is replaced or gone. */
  #withoutFormer(known: Row | undefined): readonly Change[] {
    if (known === undefined) return [];
    const [owner, project, bytes, isOver] = known;
    const [ended, held] = isOver === 1 ? [-Number(bytes), 0] : [0, -Number(bytes)];
    return [{ owner: String(owner), project: String(project), ended, held, jobs: -1 }];
  }
}
