/** `list`, `show`, `kill` and `wait`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import { arrayWords } from '../arrays.js';
import type { Client } from '../client.js';
import { type CommonOptions, type Context, connect, printJson, readId, tell } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { Failure, Unreachable } from '../failure.js';
import { readPast } from '../past.js';
import { type Column, facts, table } from '../table.js';
import { isEnd, isRecord, type JobView, readJob, readJobs, readStatus } from '../wire.js';
import {
  ageOf,
  exitCodeOf,
  launchesWords,
  localTime,
  memoryWords,
  outcomeWords,
} from '../words.js';
import { endSentence } from './run.js';

export interface ListOptions extends CommonOptions {
  readonly all?: boolean;
  readonly over?: boolean;
  readonly state?: string;
  readonly tag?: string;
  readonly project?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
}

const WAIT_LOOK_MS_MIN = 100;
const WAIT_LOOK_MS_MAX = 2_000;

export async function list(context: Context, options: ListOptions): Promise<number> {
  const filter = filterOf(options, context.now());
  const client = connect(context);
  const docs: unknown[] = [];
  if (options.over !== true) docs.push(...asList(await client.json('GET', 'task/active')));
  if (options.over === true || options.all === true)
    docs.push(...(await overJobs(client, options.limit, filter)));
  const jobs = readJobs(docs);
  const isChosen = jobs.map(
    (job) => (options.state === undefined || isIn(job, options.state)) && fits(job, filter),
  );
  if (options.json === true) {
    await printJson(
      context,
      docs.filter((_, at) => isChosen[at]),
    );
    return EXIT.ok;
  }
  const shown = jobs.filter((_, at) => isChosen[at]).sort((a, b) => a.id - b.id);
  if (shown.length === 0) {
    const hint = options.over === true || options.all === true ? '' : '; "god list -a" shows all';
    tell(context, `no jobs${hint}`);
  } else
    await context.terminal.out(table(shown, listColumns(context.now()), context.terminal.columns));
  return EXIT.ok;
}

export async function show(
  context: Context,
  id: string,
  options: CommonOptions & { script?: boolean },
): Promise<number> {
  const doc = await connect(context).json('GET', `task/${readId(id)}`);
  const job = readJob(doc);
  if (options.json === true) await printJson(context, doc);
  else if (options.script === true) await context.terminal.out(job.script);
  else await context.terminal.out(facts(factsOf(job, context.now())));
  return EXIT.ok;
}

/** Asks for each kill; goes on after a refusal and exits with the first one's code. */
export async function kill(
  context: Context,
  ids: readonly string[],
  options: CommonOptions,
): Promise<number> {
  const client = connect(context);
  const results: { id: number; ok: boolean; message: string }[] = [];
  let code: number = EXIT.ok;
  for (const id of ids.map(readId)) {
    try {
      const said = await client.json('DELETE', `task/${id}`, { isRepeatable: true });
      const message = isRecord(said) && typeof said.msg === 'string' ? said.msg : 'kill wanted';
      results.push({ id, ok: true, message });
    } catch (error) {
      if (!(error instanceof Failure) || error instanceof Unreachable) throw error;
      results.push({ id, ok: false, message: error.message });
      code ||= error.exitCode;
    }
  }
  if (options.json === true) await printJson(context, results);
  else for (const { id, message } of results) tell(context, `job ${id}: ${message}`);
  return code;
}

/** Until all are over; exits with the first code that is not 0, in the order given. */
export async function wait(
  context: Context,
  ids: readonly string[],
  options: CommonOptions & { timeout?: number },
): Promise<number> {
  const client = connect(context);
  const giveUpAt = performance.now() + (options.timeout ?? Number.POSITIVE_INFINITY) * 1000;
  const jobs: JobView[] = [];
  for (const id of ids.map(readId)) {
    const job = await waitForOne(context, client, id, giveUpAt);
    if (job === undefined) {
      tell(context, `job ${id} is not over yet`);
      return EXIT.timeout;
    }
    jobs.push(job);
  }
  const codes = jobs.map(exitCodeOf);
  if (options.json === true)
    await printJson(
      context,
      jobs.map((job, at) => ({
        id: job.id,
        outcome: job.outcome?.kind ?? 'unknown',
        exitCode: codes[at],
        reason: job.reason,
      })),
    );
  else for (const job of jobs) tell(context, endSentence(job));
  return codes.find((code) => code !== 0) ?? EXIT.ok;
}

async function waitForOne(
  context: Context,
  client: Client,
  id: number,
  giveUpAt: number,
): Promise<JobView | undefined> {
  let lookMs = WAIT_LOOK_MS_MIN;
  for (;;) {
    try {
      if (isEnd(readStatus(await client.json('GET', `task/${id}/status`))))
        return readJob(await client.json('GET', `task/${id}`));
    } catch (error) {
      // A service that restarts keeps its jobs: waiting goes on.
      if (!(error instanceof Unreachable) || performance.now() > giveUpAt) throw error;
      tell(context, `${error.message}; waiting on`);
    }
    const leftMs = giveUpAt - performance.now();
    if (leftMs <= 0) return undefined;
    await sleep(Math.min(lookMs, leftMs));
    lookMs = Math.min(WAIT_LOOK_MS_MAX, lookMs * 1.3);
  }
}

/** Which jobs are listed, whether they are over or not. */
interface Filter {
  readonly tag?: string;
  readonly project?: string;
  /** Submitted then or later, in milliseconds since 1970. */
  readonly since?: number;
  /** Submitted before. */
  readonly until?: number;
}

function filterOf({ tag, project, since, until }: ListOptions, now: number): Filter {
  return {
    ...(tag === undefined ? {} : { tag }),
    ...(project === undefined ? {} : { project }),
    ...(since === undefined ? {} : { since: readPast(since, '--since', now) }),
    ...(until === undefined ? {} : { until: readPast(until, '--until', now) }),
  };
}

function fits(job: JobView, { tag, project, since, until }: Filter): boolean {
  const at = job.submittedAt ?? Number.NaN;
  return (
    (tag === undefined || job.tags.includes(tag)) &&
    (project === undefined || job.project === project) &&
    (since === undefined || at >= since) &&
    (until === undefined || at < until)
  );
}

/** The newest ones, page by page: the server looks them up by an index. */
async function overJobs(client: Client, limit: number, filter: Filter): Promise<unknown[]> {
  const { tag, project, since, until } = filter;
  const asked = new URLSearchParams({
    ...(tag === undefined ? {} : { tag }),
    ...(project === undefined ? {} : { project }),
    ...(since === undefined ? {} : { from: String(since / 1_000) }),
    ...(until === undefined ? {} : { to: String(until / 1_000) }),
  });
  const docs: unknown[] = [];
  while (docs.length < limit) {
    asked.set('limit', String(Math.min(PAGE_ITEMS_MAX, limit - docs.length)));
    const page = await client.json('GET', `tasks?${asked}`);
    const isPage = isRecord(page) && Array.isArray(page.tasks);
    docs.push(...asList(isPage ? page.tasks : page));
    const next = isPage ? page.next : null;
    if (typeof next !== 'string') break;
    asked.set('after', next);
  }
  return docs;
}

function asList(answer: unknown): unknown[] {
  if (Array.isArray(answer)) return answer;
  throw new Failure(EXIT.protocol, 'the server answered something that is no list of jobs');
}

/** A state by its name; `failed` and `killed` name outcomes, for convenience. */
function isIn(job: JobView, state: string): boolean {
  if (state === 'failed') return job.outcome !== null && exitCodeOf(job) !== 0;
  if (state === 'killed') return job.outcome?.kind === 'killed';
  return job.state === state;
}

export const LISTED_STATES = [
  'pending',
  'held',
  'launching',
  'running',
  'suspended',
  'killing',
  'unreachable',
  'over',
  'archived',
  'failed',
  'killed',
] as const;

export function listColumns(now: number): Column<JobView>[] {
  return [
    { title: 'ID', value: (job) => String(job.id), isRight: true },
    { title: 'NAME', value: nameCell, widthMin: 8 },
    { title: 'STATE', value: stateCell },
    { title: 'CPU', value: (job) => String(job.cpu), isRight: true },
    { title: 'GB', value: (job) => String(job.ramGb), isRight: true },
    { title: 'SUBMITTED', value: (job) => localTime(job.submittedAt) },
    { title: 'TIME', value: (job) => ageOf(job, now), isRight: true },
    { title: 'NODE', value: (job) => job.host ?? '-', widthMin: 6 },
    { title: 'OUTCOME', value: outcomeCell, widthMin: 10 },
  ];
}

/** `align[7]` is the member of index 7. */
const nameCell = ({ name, member }: JobView): string =>
  member === null ? name : `${name}[${member.index}]`;

/** `running 12/100`: so many members of the array are over. */
const stateCell = ({ state, array }: JobView): string =>
  array === null || array.over === null || isEnd(state)
    ? state
    : `${state} ${array.over}/${array.members}`;

function outcomeCell(job: JobView): string {
  const words = [job.outcome === null ? '' : outcomeWords(job.outcome), job.reason ?? ''];
  return words.filter((word) => word !== '').join(': ') || '-';
}

function factsOf(job: JobView, now: number): (readonly [string, string])[] {
  const all: (readonly [string, string])[] = [
    ['Job', `${job.id}  ${job.name}`],
    ['Array', job.array === null ? '' : arrayWords(job.array)],
    [
      'Member',
      job.member === null ? '' : `index ${job.member.index} of array ${job.member.parent}`,
    ],
    ['Description', job.description],
    ['Tags', job.tags.join(', ')],
    ['Owner', `${job.owner}, project ${job.project}`],
    ['State', job.state],
    ['Outcome', job.outcome === null ? '' : outcomeWords(job.outcome)],
    ['Reason', job.reason ?? ''],
    ['Depends on', job.depends],
    ['Not before', localTime(job.notBefore)],
    ['Submitted', localTime(job.submittedAt)],
    ['Started', localTime(job.startedAt)],
    ['Ended', localTime(job.endedAt)],
    [job.startedAt === null ? 'Waiting' : 'Ran', ageOf(job, now)],
    ['Needs', `${job.cpu} cpu, ${memoryWords(job)}${job.gpus > 0 ? `, ${job.gpus} gpu` : ''}`],
    ['Launches', launchesWords(job)],
    ['Image', job.isImageUsed || job.image === '' ? job.image : `${job.image} (not used here)`],
    ['Volumes', job.volumes.join(', ')],
    ['Labels', job.labels.join(', ')],
    ['Node', job.host ?? ''],
    ['Directory', job.directory ?? ''],
    ['Ports', job.ports.join(', ')],
  ];
  return all.filter(([, value]) => value !== '' && value !== '-');
}
