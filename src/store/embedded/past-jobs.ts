// Jobs that are over, found by date of submission, owner, project and tag, without walking others.
import type { HistoryQuery } from '../../contracts/store.js';
import type { TagColumns } from './requests.js';
import { WHOLE_JOB } from './rows.js';
import type { Database, Row, Statement, Value } from './sqlite.js';

/** Inside the writer's transactions: tags of a job that has just ended. */
export class PastTags {
  readonly #put: Statement;

  constructor(database: Database) {
    this.#put = database.prepare('INSERT OR IGNORE INTO past_tags VALUES (?, ?, ?, ?, ?)');
  }

  put(id: number, { owner, project, submittedAt, tags }: TagColumns): void {
    for (const tag of tags) this.#put.run(owner, tag, submittedAt, id, project);
  }
}

/** Statements by their text: a form for each set of filters. */
export class PastReader {
  readonly #database: Database;
  readonly #forms = new Map<string, Statement>();

  constructor(database: Database) {
    this.#database = database;
  }

  page(query: HistoryQuery & { readonly limit: number }): readonly Row[] {
    const { owner, project, tag, since, until, after, skip = 0, limit } = query;
    const filters: (readonly [claim: string, ...values: Value[]])[] = [];
    if (tag === undefined) filters.push(["state = 'over'"]);
    else filters.push(['tag = ?', tag]);
    if (owner !== undefined) filters.push(['owner = ?', owner]);
    if (project !== undefined) filters.push(['project = ?', project]);
    if (since !== undefined) filters.push(['submitted_at >= ?', since]);
    if (until !== undefined) filters.push(['submitted_at < ?', until]);
    if (after !== undefined)
      filters.push(['(submitted_at, id) < (?, ?)', after.submittedAt, after.id]);
    const claims = filters.map(([claim]) => claim).join(' AND ');
    const values = filters.flatMap(([, ...some]) => some);
    const sql = `${WHOLE_JOB} WHERE j.id IN (
        SELECT id FROM ${tableOf(query)} WHERE ${claims}
        ORDER BY submitted_at DESC, id DESC LIMIT ? OFFSET ?)
      ORDER BY j.submitted_at DESC, j.id DESC`;
    let form = this.#forms.get(sql);
    if (form === undefined) {
      form = this.#database.prepare(sql);
      this.#forms.set(sql, form);
    }
    return form.all(...values, limit, skip);
  }
}

/** The index is named: SQLite would rather take one that yields another order, and sort. */
function tableOf({ owner, project, tag }: HistoryQuery): string {
  if (tag !== undefined)
    return owner === undefined ? 'past_tags INDEXED BY past_tags_all' : 'past_tags';
  if (owner !== undefined) return 'jobs INDEXED BY jobs_past_owner';
  return `jobs INDEXED BY ${project === undefined ? 'jobs_past' : 'jobs_past_project'}`;
}
