// Answers questions that may be large, away from the main thread.
import type { JobQuery } from '../../contracts/store.js';
import { unreachable } from '../../core/assert.js';
import { type JobState, KILLED_EXIT_CODE } from '../../core/job.js';
import { PRIO_USUAL } from '../../core/policy.js';
import { jobId } from '../../core/units.js';
import { dayOf } from '../../core/usage.js';
import { QUOTA_RESETS } from './account-rows.js';
import { AuditReader } from './audit-rows.js';
import { DISK_DUE, DISK_USE } from './disk-rows.js';
import { PastReader } from './past-jobs.js';
import { pendingGroups } from './pending-rows.js';
import type { ReadCall, Reads, Result } from './requests.js';
import { ARRAY_OF, JOB_STATES, USE_COLUMNS, WHOLE_JOB } from './rows.js';
import type { Database, Row, Statement, Value } from './sqlite.js';
import { WatchReader } from './watch-reader.js';
import { failureOf } from './writer.js';

const AMONG = 'IN (SELECT value FROM json_each(?))';

const inLife = (path: string): string =>
  `CASE WHEN json_valid(life) THEN json_extract(life, '$.${path}') END`;
/** A job that waits or is being launched has not started, and its document need not be read. */
const HAS_STARTED = `(state NOT IN ('pending', 'launching') AND ${inLife('startedAt')} IS NOT NULL)`;
/** Of jobs that ended before codes stood in a column. */
export const OLD_CODE = `CASE WHEN state = 'over' THEN
  CASE ${inLife('outcome.kind')} WHEN 'exited' THEN ${inLife('outcome.exitCode')} WHEN 'killed' THEN ${KILLED_EXIT_CODE}
    ELSE 1 END END`;

const prepareAll = (database: Database) => ({
  records: database.prepare(`${WHOLE_JOB} WHERE j.id ${AMONG}`),
  // As bytes: libsql cuts texts that it reads at their first NUL.
  scripts: database.prepare(`SELECT id, CAST(script AS BLOB) FROM submissions WHERE id ${AMONG}`),
  pending: database.prepare(
    pendingGroups(
      `jobs WHERE id IN (
         SELECT id FROM jobs INDEXED BY jobs_state WHERE state = 'pending' AND id > ?1
         UNION ALL
         SELECT id FROM jobs INDEXED BY jobs_state WHERE state = 'open' AND id > ?1
         ORDER BY id LIMIT ?2)`,
    ),
  ),
  // Ids only, straight from the index: a burst of submissions makes this a long list.
  sweep: database.prepare(
    `SELECT id FROM jobs INDEXED BY jobs_sweep
     WHERE state = 'pending' AND submitted_at >= ?1 AND id > ?2
     UNION ALL
     SELECT id FROM jobs INDEXED BY jobs_sweep_arrays
     WHERE state = 'open' AND submitted_at >= ?1 AND id > ?2
     ORDER BY id LIMIT ?3`,
  ),
  pendingAmong: database.prepare(
    pendingGroups(`jobs WHERE id ${AMONG} AND state IN ('pending', 'open')`),
  ),
  arrayOf: database.prepare(ARRAY_OF),
  made: database.prepare(
    `SELECT id, state, exit_code FROM jobs INDEXED BY jobs_members
     WHERE parent = ? AND id > ? ORDER BY id LIMIT ?`,
  ),
  madeCounts: database.prepare(
    `SELECT parent, state, exit_code, count(*) FROM jobs INDEXED BY jobs_members
     WHERE parent ${AMONG} GROUP BY parent, state, exit_code`,
  ),
  live: database.prepare(
    `${WHOLE_JOB} WHERE j.id IN (
       SELECT id FROM jobs INDEXED BY jobs_state
       WHERE state IN ('launching', 'running', 'killing', 'unreachable') AND id > ?
       ORDER BY id LIMIT ?)
     ORDER BY j.id`,
  ),
  counts: database.prepare('SELECT state, count(*) FROM jobs GROUP BY state'),
  countsOf: database.prepare('SELECT state, count(*) FROM jobs WHERE owner = ? GROUP BY state'),
  killsWanted: database.prepare(
    `SELECT id FROM jobs INDEXED BY jobs_kill_wanted
     WHERE kill_wanted_by IS NOT NULL AND state <> 'over' ORDER BY id`,
  ),
  standings: database.prepare(
    `SELECT id, state, coalesce(exit_code, ${OLD_CODE}), ${HAS_STARTED}, owner
     FROM jobs WHERE id ${AMONG}`,
  ),
  namesakes: database.prepare(
    `SELECT id, launches > 0 OR state = 'open' AND ${HAS_STARTED} FROM jobs INDEXED BY jobs_named
     WHERE owner = ? AND name = ? AND id > ? AND name IS NOT NULL AND state <> 'over' ORDER BY id`,
  ),
  heldBack: database.prepare(
    `SELECT id FROM jobs INDEXED BY jobs_held
     WHERE held_by IS NOT NULL AND state IN ('pending', 'open') ORDER BY id`,
  ),
  used: database.prepare(
    `SELECT ${USE_COLUMNS} FROM used_days
     WHERE day >= ?1 AND (?2 IS NULL OR owner = ?2) AND (?3 IS NULL OR project = ?3)
     ORDER BY day, owner, project`,
  ),
  users: database.prepare('SELECT id, document FROM users ORDER BY id'),
  projects: database.prepare('SELECT id, document FROM projects ORDER BY id'),
  priorities: database.prepare(['user', 'project'].map(unusualPriorities).join(' UNION ALL ')),
  quotas: database.prepare(['user', 'project'].map(givenQuotas).join(' UNION ALL ')),
  ended: database.prepare(
    `${WHOLE_JOB} WHERE j.id IN (
       SELECT id FROM jobs INDEXED BY jobs_ended
       WHERE state = 'over' AND ended_at < ?1 AND (ended_at, id) > (?2, ?3)
       ORDER BY ended_at, id LIMIT ?4)
     ORDER BY j.ended_at, j.id`,
  ),
  diskDue: database.prepare(DISK_DUE),
  diskUse: database.prepare(DISK_USE),
  quotaResets: database.prepare(QUOTA_RESETS),
});

/** A damaged document has the usual priority. */
function unusualPriorities(kind: string): string {
  return `SELECT '${kind}', id, prio FROM (
      SELECT id, CASE WHEN json_valid(document) THEN json_extract(document, '$.prio') END AS prio
      FROM ${kind}s)
    WHERE prio <> ${PRIO_USUAL}`;
}

/** A damaged document has none. */
function givenQuotas(kind: string): string {
  return `SELECT '${kind}', id, quotas FROM (
      SELECT id, CASE WHEN json_valid(document) THEN json_extract(document, '$.quotas') END AS quotas
      FROM ${kind}s)
    WHERE EXISTS (SELECT 1 FROM json_each(quotas) WHERE value > 0)`;
}

export class Reader {
  readonly #database: Database;
  readonly #statements: ReturnType<typeof prepareAll>;
  readonly #lists = new Map<string, Statement>();
  readonly #past: PastReader;
  readonly #watching: WatchReader;
  readonly #audit: AuditReader;

  constructor(database: Database) {
    this.#database = database;
    this.#statements = prepareAll(database);
    this.#past = new PastReader(database);
    this.#watching = new WatchReader(database);
    this.#audit = new AuditReader(database);
  }

  perform(calls: readonly ReadCall[]): readonly Result[] {
    return calls.map((call) => {
      try {
        return { ok: true, answer: this.#do(call) };
      } catch (failure) {
        return { ok: false, failure: failureOf(failure) };
      }
    });
  }

  #do(call: ReadCall): Reads[keyof Reads]['answer'] {
    const statements = this.#statements;
    switch (call.kind) {
      case 'history':
        return this.#past.page(call.ask);
      case 'records':
        return statements.records.all(JSON.stringify(call.ask));
      case 'scripts':
        return statements.scripts
          .all(JSON.stringify(call.ask))
          .map(([id, bytes]) => [Number(id), textOf(bytes)]);
      case 'arraysOf':
        return this.#arraysOf(call.ask);
      case 'made':
        return statements.made.all(call.ask.array, call.ask.after, call.ask.limit);
      case 'madeCounts':
        return statements.madeCounts.all(JSON.stringify(call.ask));
      case 'list':
        return this.#list(call.ask);
      case 'counts':
        return countsIn(
          call.ask === null ? statements.counts.all() : statements.countsOf.all(call.ask),
        );
      case 'pending':
        return statements.pending.all(call.ask.after, call.ask.limit);
      case 'sweep': {
        const { since, after, limit } = call.ask;
        return statements.sweep.all(since, after, limit).map(([id]) => Number(id));
      }
      case 'pendingAmong':
        return statements.pendingAmong.all(JSON.stringify(call.ask));
      case 'live':
        return statements.live.all(call.ask.after, call.ask.limit);
      case 'killsWanted':
        return statements.killsWanted.all().map(([id]) => jobId(Number(id)));
      case 'standings':
        return statements.standings.all(JSON.stringify(call.ask));
      case 'namesakes':
        return statements.namesakes.all(call.ask.owner, call.ask.name, call.ask.after);
      case 'heldBack':
        return statements.heldBack.all().map(([id]) => jobId(Number(id)));
      case 'used':
        return statements.used.all(
          dayOf(call.ask.since),
          call.ask.owner ?? null,
          call.ask.project ?? null,
        );
      case 'users':
        return statements.users.all();
      case 'projects':
        return statements.projects.all();
      case 'priorities':
        return statements.priorities.all();
      case 'quotas':
        return statements.quotas.all();
      case 'ended': {
        const { since, until, after, limit } = call.ask;
        return statements.ended.all(until, after?.endedAt ?? since, after?.id ?? 0, limit);
      }
      case 'diskDue':
        return statements.diskDue.all(call.ask.after, call.ask.limit);
      case 'diskUse':
        return statements.diskUse.all();
      case 'quotaResets':
        return statements.quotaResets.all();
      case 'auditPage':
        return this.#audit.page(call.ask);
      case 'auditHead':
        return this.#audit.head();
      case 'running':
      case 'aftermathDue':
      case 'leases':
      case 'accountOf':
      case 'accountSums':
        return this.#watching.do(call);
      default:
        return unreachable(call);
    }
  }

  /** From the greatest id down, so that one look-up serves all members of an array. */
  #arraysOf(ids: readonly number[]): readonly Row[] {
    const arrays: Row[] = [];
    let lowest = Number.POSITIVE_INFINITY;
    for (const id of [...ids].sort((a, b) => b - a)) {
      if (id > lowest) continue;
      const array = this.#statements.arrayOf.get(id, id);
      if (array === undefined) continue;
      arrays.push(array);
      lowest = Number(array[0]);
    }
    return arrays;
  }

  /**
   * One branch for each state, each cut at what the page can need: whichever filters are given, an index yields the
   * newest ids first and nothing is sorted but one page's worth.
   */
  #list(query: Reads['list']['ask']): readonly Row[] {
    const filters = filtersOf(query);
    const asked = query.states;
    const isFiltered = filters.length > 0 || asked !== undefined;
    // In our own order and each once: few different statements, and no job twice.
    const states: readonly (JobState | null)[] = isFiltered
      ? JOB_STATES.filter((state) => asked?.includes(state) ?? true)
      : [null];
    if (states.length === 0) return [];
    const skip = query.skip ?? 0;
    const values: Value[] = [];
    const branches = states.map((state) => {
      const all = state === null ? filters : [...filters, ['state = ?', state] as const];
      for (const [, value] of all) values.push(value);
      values.push(query.before ?? Number.MAX_SAFE_INTEGER, skip + query.limit);
      const where = [...all.map(([claim]) => claim), 'id < ?'].join(' AND ');
      return `SELECT * FROM (SELECT id FROM jobs WHERE ${where} ORDER BY id DESC LIMIT ?)`;
    });
    const sql = `${WHOLE_JOB} WHERE j.id IN (
        SELECT id FROM (${branches.join(' UNION ALL ')}) ORDER BY id DESC LIMIT ? OFFSET ?)
      ORDER BY j.id DESC`;
    return this.#prepared(sql).all(...values, query.limit, skip);
  }

  #prepared(sql: string): Statement {
    const known = this.#lists.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#lists.set(sql, statement);
    return statement;
  }
}

function filtersOf(query: JobQuery): readonly (readonly [claim: string, value: Value])[] {
  const filters: (readonly [string, Value])[] = [];
  if (query.owner !== undefined) filters.push(['owner = ?', query.owner]);
  if (query.project !== undefined) filters.push(['project = ?', query.project]);
  return filters;
}

/** States in which there are none are named, too. */
function countsIn(rows: readonly Row[]): Readonly<Record<JobState, number>> {
  const counts = Object.fromEntries(JOB_STATES.map((state) => [state, 0]));
  for (const [state, count] of rows) counts[String(state)] = Number(count);
  return counts as Record<JobState, number>;
}

/** libsql gives a text that was cast to bytes as a Buffer. */
export const textOf = (bytes: unknown): string =>
  bytes instanceof Uint8Array ? Buffer.from(bytes).toString('utf8') : String(bytes);
