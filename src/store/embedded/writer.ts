// Carries out writes, many in one transaction: they share one sync of the disk.
import type { Lease, SubmitAnswer } from '../../contracts/store.js';
import { assert, unreachable } from '../../core/assert.js';
import { jobId } from '../../core/units.js';
import { quotaReset } from './account-rows.js';
import { AuditWriter } from './audit-rows.js';
import { DiskWriter } from './disk-rows.js';
import { HoldWriter } from './hold-writer.js';
import { PastTags } from './past-jobs.js';
import { RateGate } from './rate-gate.js';
import { RecordWriter } from './record-writer.js';
import type {
  Failure,
  Result,
  StepColumns,
  StepResult,
  SubmissionColumns,
  UseColumns,
  WriteCall,
  Writes,
} from './requests.js';
import { ARRAY_OF, FIRST_LIFE, WHOLE_JOB } from './rows.js';
import { type Database, DatabaseTrouble } from './sqlite.js';
import { WatchWriter } from './watch-writer.js';

const prepareAll = (database: Database) => ({
  lastId: database.prepare("SELECT value FROM counters WHERE name = 'job'"),
  putLastId: database.prepare("UPDATE counters SET value = ? WHERE name = 'job'"),
  known: database.prepare('SELECT id, digest FROM jobs WHERE idem_key = ?'),
  putJob: database.prepare(
    `INSERT INTO jobs (id, owner, project, state, launches, version, submitted_at, executor,
                       idem_key, digest, shape, life, array_size, array_limit, name, waits,
                       held_by, held_at, held_admin)
     VALUES (?, ?, ?, ?, 0, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ),
  putSubmission: database.prepare('INSERT INTO submissions VALUES (?, ?, ?)'),
  // Never touches kill_wanted_* and held_*: these columns belong to the web processes.
  step: database.prepare(
    `UPDATE jobs SET state = ?, launches = ?, not_before = ?, ended_at = ?, life = ?,
                     exit_code = ?, version = version + 1,
                     aftermath = coalesce(aftermath || ',' || ?, ?, aftermath)
     WHERE id = ? AND state = ? AND launches = ?
       AND (? = 0 OR kill_wanted_by IS NULL AND held_by IS NULL AND (parent IS NULL OR
         (SELECT kill_wanted_by IS NULL AND held_by IS NULL FROM jobs AS array
          WHERE array.id = jobs.parent)))
     RETURNING version`,
  ),
  /** The first record of a member that was like all its siblings. */
  makeMember: database.prepare(
    `INSERT INTO jobs (id, owner, project, state, launches, version, submitted_at, not_before,
                       ended_at, executor, idem_key, digest, shape, life, exit_code, parent,
                       kill_wanted_by, kill_wanted_at)
     SELECT ?1, owner, project, ?2, ?3, 1, submitted_at, ?4,
            ?5, executor, ?6, digest, shape, ?7, ?8, id, ?9, ?10
     FROM jobs
     WHERE id = ?11 AND state = 'open' AND ?1 > id AND ?1 <= id + array_size
       AND (?12 = 0 OR kill_wanted_by IS NULL AND (?2 = 'pending' OR held_by IS NULL))
     ON CONFLICT (id) DO NOTHING
     RETURNING version`,
  ),
  record: database.prepare(`${WHOLE_JOB} WHERE j.id = ?`),
  arrayOf: database.prepare(ARRAY_OF),
  // With the step that ends a job, which happens once: so is this, whatever happens to the process.
  addUse: database.prepare(
    `INSERT INTO used_days
     SELECT ?1, owner, project, ?3, ?4, ?5, ?6, ?3 * ?4 * 1.0, ?3 * ?5 * 1.0, ?3 * ?6 * 1.0, ?2 * ?3 * 1.0
     FROM jobs WHERE id = ?7
     ON CONFLICT DO UPDATE SET
       time_ms = time_ms + excluded.time_ms, cpu_milli = cpu_milli + excluded.cpu_milli,
       mem_mb = mem_mb + excluded.mem_mb, gpus = gpus + excluded.gpus,
       cpu_milli_ms = cpu_milli_ms + excluded.cpu_milli_ms,
       mem_mb_ms = mem_mb_ms + excluded.mem_mb_ms, gpu_ms = gpu_ms + excluded.gpu_ms,
       ended = ended + excluded.ended`,
  ),
  wantKill: database.prepare(
    `UPDATE jobs SET kill_wanted_by = ?, kill_wanted_at = ?, version = version + 1
     WHERE id = ? AND state <> 'over' AND kill_wanted_by IS NULL`,
  ),
  state: database.prepare('SELECT state FROM jobs WHERE id = ?'),
  lease: database.prepare('SELECT epoch FROM lease'),
  firstLease: database.prepare('INSERT OR IGNORE INTO lease VALUES (1, 1, ?, 0)'),
  takeLease: database.prepare(
    `UPDATE lease SET epoch = epoch + 1, holder = ?, beat = 0
     WHERE epoch = ? AND holder = ? AND beat = ?`,
  ),
  beatLease: database.prepare(
    'UPDATE lease SET beat = beat + 1 WHERE epoch = ? AND holder = ? RETURNING beat',
  ),
  freeLease: database.prepare("UPDATE lease SET holder = '' WHERE epoch = ? AND holder = ?"),
  putSetting: database.prepare('INSERT OR REPLACE INTO settings VALUES (?, ?)'),
  firstSetting: database.prepare('INSERT OR IGNORE INTO settings VALUES (?, ?)'),
  dropSetting: database.prepare('DELETE FROM settings WHERE name = ?'),
  putUser: database.prepare('INSERT OR REPLACE INTO users VALUES (?, ?)'),
  newUser: database.prepare('INSERT OR IGNORE INTO users VALUES (?, ?)'),
  swapUser: database.prepare('UPDATE users SET document = ? WHERE id = ? AND document = ?'),
  deleteUser: database.prepare('DELETE FROM users WHERE id = ?'),
  putProject: database.prepare('INSERT OR REPLACE INTO projects VALUES (?, ?)'),
  deleteProject: database.prepare('DELETE FROM projects WHERE id = ?'),
  resetQuota: {
    user: database.prepare(quotaReset('user', 'owner')),
    project: database.prepare(quotaReset('project', 'project')),
  },
});

/** How many rows a call writes, about: what a commit is bounded by. */
export function weightOf(call: WriteCall): number {
  if (call.kind === 'submit') return call.ask.jobs.length;
  if (call.kind === 'advance') return call.ask.steps.length;
  if (call.kind === 'putDisk' || call.kind === 'account') return call.ask.length;
  return 1;
}

export class Writer {
  readonly #database: Database;
  readonly #statements: ReturnType<typeof prepareAll>;
  /** The counter as this transaction sees it; undefined until it was read. */
  #lastId: number | undefined;
  readonly #rateGate: RateGate;
  readonly #disk: DiskWriter;
  readonly #pastTags: PastTags;
  readonly #holds: HoldWriter;
  readonly #records: RecordWriter;
  readonly #watching: WatchWriter;
  readonly #audit: AuditWriter;

  constructor(database: Database) {
    this.#database = database;
    this.#statements = prepareAll(database);
    this.#rateGate = new RateGate(database);
    this.#disk = new DiskWriter(database);
    this.#pastTags = new PastTags(database);
    this.#watching = new WatchWriter(database);
    this.#records = new RecordWriter(database);
    this.#audit = new AuditWriter(database);
    this.#holds = new HoldWriter(database, (id) => this.#makeWaiting(id, null, null));
  }

  /**
   * Does all calls in one transaction; results stand in their order and are durable when this returns. Trouble of the
   * database fails them all. A call that fails by itself must not take the others along, so each then goes alone.
   */
  perform(calls: readonly WriteCall[]): readonly Result[] {
    try {
      const answers = this.#transaction(() => calls.map((call) => this.#do(call)));
      return answers.map((answer) => ({ ok: true, answer }));
    } catch (failure) {
      if (calls.length === 1 || failure instanceof DatabaseTrouble)
        return calls.map(() => ({ ok: false, failure: failureOf(failure) }));
      return calls.flatMap((call) => this.perform([call]));
    }
  }

  #transaction<T>(work: () => T): T {
    this.#lastId = undefined;
    this.#rateGate.forget();
    return this.#database.write(() => {
      const answer = work();
      if (this.#lastId !== undefined) this.#statements.putLastId.run(this.#lastId);
      return answer;
    });
  }

  #do(call: WriteCall): Writes[keyof Writes]['answer'] {
    const statements = this.#statements;
    switch (call.kind) {
      case 'submit':
        return this.#submitAll(call.ask);
      case 'advance':
        this.#rateGate.forget();
        return this.#advance(call.ask);
      case 'wantKill':
        return this.#wantKill(call.ask);
      case 'holdBack':
        return this.#holds.holdBack(call.ask);
      case 'release':
        return this.#holds.release(call.ask);
      case 'takeLease':
        return this.#takeLease(call.ask);
      case 'beatLease': {
        const { epoch, holder } = call.ask;
        const beat = statements.beatLease.get(epoch, holder)?.[0];
        return beat === undefined ? undefined : { epoch, holder, beat: Number(beat) };
      }
      case 'freeLease':
        statements.freeLease.run(call.ask.epoch, call.ask.holder);
        return undefined;
      case 'putSetting':
        statements.putSetting.run(call.ask.name, call.ask.value);
        return undefined;
      case 'firstSetting':
        statements.firstSetting.run(call.ask.name, call.ask.value);
        return undefined;
      case 'dropSetting':
        statements.dropSetting.run(call.ask);
        return undefined;
      case 'putUser':
        statements.putUser.run(call.ask.id, call.ask.document);
        return undefined;
      case 'swapUser': {
        const { id, former, document } = call.ask;
        return former === null
          ? statements.newUser.run(id, document) > 0
          : statements.swapUser.run(document, id, former) > 0;
      }
      case 'deleteUser':
        return statements.deleteUser.run(call.ask) > 0;
      case 'putProject':
        statements.putProject.run(call.ask.id, call.ask.document);
        return undefined;
      case 'deleteProject':
        return statements.deleteProject.run(call.ask) > 0;
      case 'putDisk':
        this.#disk.putAll(call.ask);
        return undefined;
      case 'recountDisk':
        return this.#disk.recount();
      case 'archive':
        return this.#disk.archive(call.ask.id, call.ask.at);
      case 'purge':
        return this.#records.purge(call.ask);
      case 'resetQuota': {
        const { kind, id, day } = call.ask;
        statements.resetQuota[kind].run(id, day);
        return undefined;
      }
      case 'appendAudit':
        return this.#audit.append(call.ask);
      case 'account':
      case 'aftermathDone':
      case 'wantKillOf':
      case 'takeLeases':
      case 'beatLeases':
      case 'freeLeases':
      case 'dropLeases':
        return this.#watching.do(call);
      default:
        return unreachable(call);
    }
  }

  #submitAll({ jobs, limits }: Writes['submit']['ask']): Writes['submit']['answer'] {
    if (limits === null) return jobs.map((job) => this.#submit(job));
    const limited = this.#rateGate.refusal(this.#newAmong(jobs), limits);
    if (limited !== null) return jobs.map((job) => this.#known(job) ?? limited);
    return jobs.map((job) => {
      const answer = this.#submit(job);
      if (answer.kind === 'stored') this.#rateGate.stored(job);
      return answer;
    });
  }

  /** Jobs that are not stored under their keys yet, each key once. */
  #newAmong(jobs: readonly SubmissionColumns[]): readonly SubmissionColumns[] {
    const keys = new Set<string>();
    return jobs.filter((job) => {
      if (job.idemKey !== null && keys.has(job.idemKey)) return false;
      if (job.idemKey !== null) keys.add(job.idemKey);
      return this.#known(job) === undefined;
    });
  }

  /** The job of the same key. No race: the write lock is ours from the transaction's start. */
  #known({ idemKey, digest }: SubmissionColumns): SubmitAnswer | undefined {
    const known = idemKey === null ? undefined : this.#statements.known.get(idemKey);
    if (known === undefined) return undefined;
    return { kind: known[1] === digest ? 'known' : 'key-reused', id: jobId(Number(known[0])) };
  }

  #submit(job: SubmissionColumns): SubmitAnswer {
    const statements = this.#statements;
    const known = this.#known(job);
    if (known !== undefined) return known;
    const { arraySize } = job;
    const id = this.#nextId(1 + (arraySize ?? 0));
    statements.putJob.run(
      id,
      job.owner,
      job.project,
      arraySize === null ? 'pending' : 'open',
      job.submittedAt,
      job.executor,
      job.idemKey ?? `#${id}`,
      job.digest,
      job.shape,
      job.life,
      arraySize,
      job.arrayLimit,
      job.name,
      job.waits,
      ...[job.heldBy, job.heldAt, job.heldByAdmin],
    );
    statements.putSubmission.run(id, job.asked, job.script);
    return { kind: 'stored', id: jobId(id) };
  }

  /** The first of so many ids in a row. */
  #nextId(count: number): number {
    this.#lastId ??= Number(this.#statements.lastId.get()?.[0]);
    assert(Number.isSafeInteger(this.#lastId), 'the counter of job ids is there');
    this.#lastId += count;
    return this.#lastId - count + 1;
  }

  #advance({ epoch, steps }: Writes['advance']['ask']): Writes['advance']['answer'] {
    if (this.#statements.lease.get()?.[0] !== epoch) return 'fenced';
    return steps.map((step) => this.#step(step));
  }

  #step(step: StepColumns): StepResult {
    const stored = this.#statements.step.get(
      step.state,
      step.launches,
      step.notBefore,
      step.endedAt,
      step.life,
      step.exitCode,
      step.aftermath,
      step.aftermath,
      step.id,
      step.fromState,
      step.fromLaunches,
      step.unlessKillWanted ? 1 : 0,
    );
    const version = stored?.[0] ?? this.#makeMember(step);
    if (version !== undefined) {
      if (step.use !== null) this.#addUse(step.id, step.use);
      if (step.tags !== null) this.#pastTags.put(step.id, step.tags);
      if (step.leavesDirectory) this.#disk.due(step.id);
      if (step.amended !== null) this.#records.amend(step.id, step.amended);
      return { kind: 'stored', version: Number(version) };
    }
    const record = this.#statements.record.get(step.id);
    const array = record === undefined ? this.#statements.arrayOf.get(step.id, step.id) : undefined;
    return { kind: 'refused', record, array };
  }

  #addUse(id: number, { day, endedMs, timeMs, cpuMilli, memMb, gpus }: UseColumns): void {
    this.#statements.addUse.run(day, endedMs, timeMs, cpuMilli, memMb, gpus, id);
  }

  /** The version of the new record; undefined when the step is not a member's first, or may not be taken. */
  #makeMember(step: StepColumns): unknown {
    if (step.parent === null || step.fromState !== 'pending' || step.fromLaunches !== 0) return;
    const { id, state, launches, notBefore, endedAt, life, exitCode, parent } = step;
    const mayNotBeKilled = step.unlessKillWanted ? 1 : 0;
    return this.#statements.makeMember.get(
      ...[id, state, launches, notBefore, endedAt, `#${id}`, life, exitCode],
      ...[null, null, parent, mayNotBeKilled],
    )?.[0];
  }

  #wantKill(ask: Writes['wantKill']['ask']): Writes['wantKill']['answer'] {
    const { id, by, at } = ask;
    if (this.#statements.wantKill.run(by, at, id) > 0) return 'wanted';
    const state = this.#statements.state.get(id)?.[0];
    if (state === undefined) return this.#wantKillOfMember(ask);
    return state === 'over' ? 'over' : 'already';
  }

  /** A member that has no record yet gets one. */
  #wantKillOfMember({ id, by, at }: Writes['wantKill']['ask']): Writes['wantKill']['answer'] {
    const array = this.#statements.arrayOf.get(id, id);
    if (array === undefined) return 'unknown';
    const [parent, , , state] = array;
    if (state === 'over') return 'over';
    return this.#makeWaiting(id, by, at, Number(parent)) ? 'wanted' : 'already';
  }

  /** The record of a member that waits; false when its array is to be killed, or there is none. */
  #makeWaiting(id: number, by: string | null, at: number | null, array?: number): boolean {
    const parent = array ?? this.#statements.arrayOf.get(id, id)?.[0];
    if (parent === undefined) return false;
    const made = this.#statements.makeMember.get(
      ...[id, 'pending', 0, null, null, `#${id}`, FIRST_LIFE, null],
      ...[by, at, Number(parent), 1],
    );
    return made !== undefined;
  }

  #takeLease({ holder, seen }: Writes['takeLease']['ask']): Lease | undefined {
    if (seen === null)
      return this.#statements.firstLease.run(holder) > 0
        ? { epoch: 1, holder, beat: 0 }
        : undefined;
    return this.#statements.takeLease.run(holder, seen.epoch, seen.holder, seen.beat) > 0
      ? { epoch: seen.epoch + 1, holder, beat: 0 }
      : undefined;
  }
}

/** As values that can cross threads. */
export function failureOf(failure: unknown): Failure {
  const error = failure instanceof Error ? failure : new Error(String(failure));
  return {
    because: error instanceof DatabaseTrouble ? error.because : null,
    detail: error.message,
    stack: error.stack ?? error.message,
  };
}
