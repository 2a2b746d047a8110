/** `members` and `retry-failed`: what job arrays have that other jobs do not. */
import { randomUUID } from 'node:crypto';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import { type CommonOptions, type Context, connect, printJson, readId, tell } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { table } from '../table.js';
import { isRecord, readJobs } from '../wire.js';
import { listColumns } from './jobs.js';

export const MEMBER_STATES = ['pending', 'running', 'over'] as const;

export interface MembersOptions extends CommonOptions {
  readonly state?: string;
  readonly start: number;
  readonly limit: number;
}

/** The members of an array, those that merely wait included, in order of their index. */
export async function members(
  context: Context,
  id: string,
  options: MembersOptions,
): Promise<number> {
  const client = connect(context);
  const docs: unknown[] = [];
  for (let start = options.start; docs.length < options.limit; ) {
    const size = Math.min(PAGE_ITEMS_MAX, options.limit - docs.length);
    const query = {
      start: String(start),
      limit: String(size),
      ...(options.state === undefined ? {} : { state: options.state }),
    };
    const answer = await client.json('GET', `task/${readId(id)}/members`, { query });
    const page = isRecord(answer) && Array.isArray(answer.members) ? answer.members : undefined;
    if (page === undefined)
      throw new Failure(EXIT.protocol, 'the server answered something that is no list of members');
    docs.push(...page);
    const last: unknown = page.at(-1);
    if (page.length < size || !isRecord(last) || typeof last.id !== 'number') break;
    // Places count from the parent's id on.
    start = last.id - readId(id);
  }
  if (options.json === true) {
    await printJson(context, docs);
    return EXIT.ok;
  }
  const jobs = readJobs(docs);
  if (jobs.length === 0) tell(context, 'no such members');
  else
    await context.terminal.out(table(jobs, listColumns(context.now()), context.terminal.columns));
  return EXIT.ok;
}

/** Submits the members that failed once more, as a new array, and prints its id. */
export async function retryFailed(
  context: Context,
  id: string,
  options: CommonOptions,
): Promise<number> {
  const answer = await connect(context).json('POST', `task/${readId(id)}/retry-failed`, {
    headers: { 'idempotency-key': randomUUID() },
    isRepeatable: true,
  });
  const ids = isRecord(answer) && Array.isArray(answer.ids) ? answer.ids : [];
  if (ids.length === 0)
    throw new Failure(EXIT.protocol, 'the server answered a submission without a job id');
  if (options.json === true) await printJson(context, answer);
  else await context.terminal.out(ids.map((one) => `${one}\n`).join(''));
  return EXIT.ok;
}
