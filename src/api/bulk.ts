/** Many submissions at once: each is read, granted and answered by itself; all are stored, or those that may be. */
import { setImmediate as breathe } from 'node:timers/promises';
import { ServiceError } from '../contracts/errors.js';
import type { Limited, NewJob, SubmitAnswer } from '../contracts/store.js';
import type { UserId } from '../core/units.js';
import { audited } from './audit.js';
import { entriesOf } from './bulk-body.js';
import type { Caller } from './caller.js';
import type { Context } from './context.js';
import type { ApiDeps } from './deps.js';
import { mustTakeJobs } from './maintenance.js';
import { rateLimited } from './rate-limited.js';
import { readSubmission, type Warning } from './submission.js';
import { parseTask } from './task-document.js';

/** Jobs that are stored together where not all have to be: the store is others' too. */
const PORTION = 500;
/** Others get their turn after so many. */
const BREATHE_EACH = 50;

export interface BulkOptions {
  readonly person: Caller;
  /** All or none. */
  readonly isAtomic: boolean;
  readonly isStrict: boolean;
  /** Of the whole; entries get one of their own by their place. */
  readonly key: string | null;
}

/** What became of one entry. */
export type BulkAnswer =
  | { readonly id: number; readonly warnings?: readonly Warning[] }
  | { readonly code: string; readonly msg: string; readonly field?: string };

interface Accepted {
  readonly at: number;
  readonly job: NewJob;
  readonly warnings: readonly Warning[];
}

/** In the order of the entries. @throws ServiceError what is wrong with the body as a whole; then nothing was stored */
export async function submitAll(
  deps: ApiDeps,
  context: Context,
  options: BulkOptions,
): Promise<readonly BulkAnswer[]> {
  await mustTakeJobs(deps);
  const answers: BulkAnswer[] = [];
  const accepted: Accepted[] = [];
  for await (const entry of entriesOf(context.req)) {
    const at = answers.length;
    if (at % BREATHE_EACH === BREATHE_EACH - 1) await breathe();
    try {
      if ('refusal' in entry) throw entry.refusal;
      const { person, isStrict, key } = options;
      const idempotencyKey = key === null ? null : `${key}#${at}`;
      const task = parseTask(entry.document);
      accepted.push({
        at,
        ...(await readSubmission(deps, { task, person, isStrict, idempotencyKey })),
      });
      answers.push(NOT_STORED);
    } catch (error) {
      answers.push(refused(error));
    }
  }
  const isWhole = accepted.length === answers.length;
  if (options.isAtomic && !isWhole) return answers;
  const size = options.isAtomic ? Math.max(1, accepted.length) : PORTION;
  await auditedFor({ context, deps }, othersIn(accepted), async () => {
    for (let from = 0; from < accepted.length; from += size)
      await store(deps, accepted.slice(from, from + size), answers);
  });
  return answers;
}

/** In whose name somebody else submits, and how many jobs. */
function othersIn(accepted: readonly Accepted[]): readonly (readonly [UserId, number])[] {
  const others = new Map<UserId, number>();
  for (const { job } of accepted)
    if (job.spec.submittedBy !== undefined) others.set(job.owner, (others.get(job.owner) ?? 0) + 1);
  return [...others];
}

/** An entry for each of these users, all before anything is stored. */
function auditedFor(
  asked: { readonly context: Context; readonly deps: ApiDeps },
  [first, ...rest]: readonly (readonly [UserId, number])[],
  work: () => Promise<void>,
): Promise<void> {
  if (first === undefined) return work();
  const [id, jobs] = first;
  const act = { act: 'job.submit-for', subject: { kind: 'user', id }, facts: { jobs } } as const;
  return audited(asked, act, () => auditedFor(asked, rest, work));
}

/** Of an entry that is right by itself, where another one is not. */
const NOT_STORED: BulkAnswer = {
  code: 'not-stored',
  msg: 'nothing was stored, because other entries were refused',
};

/** The world's failures are those of the whole. */
function refused(error: unknown): BulkAnswer {
  if (!(error instanceof ServiceError) || error.status >= 500) throw error;
  const { code, message, facts } = error;
  return { code, msg: message, ...(typeof facts.field === 'string' ? { field: facts.field } : {}) };
}

async function store(
  { store, config, notices, events }: ApiDeps,
  accepted: readonly Accepted[],
  answers: BulkAnswer[],
): Promise<void> {
  const said = await store.submit(
    accepted.map(({ job }) => job),
    config.limits.rate,
  );
  const ids = said.flatMap((answer) => (answer.kind === 'stored' ? [answer.id] : []));
  for (const [index, { at, job, warnings }] of accepted.entries()) {
    const answer = said[index];
    if (answer === undefined) throw new ServiceError('internal', 'the store gave no answer');
    answers[at] = told(answer, warnings);
    if (answer.kind === 'stored')
      events.emit('job:submitted', { jobId: answer.id, owner: job.owner });
  }
  notices.submitted(ids);
}

function told(answer: SubmitAnswer | Limited, warnings: readonly Warning[]): BulkAnswer {
  if (answer.kind === 'limited') return refused(rateLimited(answer));
  if (answer.kind === 'key-reused')
    return {
      code: 'key-reused',
      msg: 'the key of this place belongs to another submission',
      field: 'Idempotency-Key',
    };
  return { id: answer.id, ...(warnings.length === 0 ? {} : { warnings }) };
}
