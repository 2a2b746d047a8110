// What watchers and bills read, in the reading thread.
import { unreachable } from '../../core/assert.js';
import { SLOTS } from '../../core/slots.js';
import type { Call, WatchReads } from './requests.js';
import type { Database, Row } from './sqlite.js';

const IN_SLOTS = `id % ${SLOTS} IN (SELECT value FROM json_each(?1)) AND id > ?2 ORDER BY id LIMIT ?3`;

const prepareAll = (database: Database) => ({
  running: database.prepare(
    `SELECT id, version FROM jobs INDEXED BY jobs_state WHERE state = 'running' AND ${IN_SLOTS}`,
  ),
  aftermathDue: database.prepare(
    `SELECT id, aftermath FROM jobs INDEXED BY jobs_aftermath
     WHERE aftermath IS NOT NULL AND ${IN_SLOTS}`,
  ),
  leases: database.prepare('SELECT name, epoch, holder, beat FROM leases ORDER BY name'),
  accountOf: database.prepare('SELECT record FROM accounting WHERE job = ? ORDER BY launch'),
  accountSums: database.prepare(
    `SELECT day, project, owner, queue, executor, is_charged, launches, ran_ms, waited_ms, cpu_ms,
       gpu_ms, mem_mb_seconds
     FROM accounting_days WHERE day >= ?1 AND day < ?2 AND (?3 IS NULL OR project = ?3)
     ORDER BY day, project, owner, queue, executor, is_charged DESC`,
  ),
});

export class WatchReader {
  readonly #statements: ReturnType<typeof prepareAll>;

  constructor(database: Database) {
    this.#statements = prepareAll(database);
  }

  do(call: Call<WatchReads>): readonly Row[] {
    const statements = this.#statements;
    switch (call.kind) {
      case 'running':
      case 'aftermathDue': {
        const { slots, after, limit } = call.ask;
        return statements[call.kind].all(JSON.stringify(slots), after, limit);
      }
      case 'leases':
        return statements.leases.all();
      case 'accountOf':
        return statements.accountOf.all(call.ask);
      case 'accountSums':
        return statements.accountSums.all(call.ask.from, call.ask.until, call.ask.project);
      default:
        return unreachable(call);
    }
  }
}
