/** Hold and release of jobs that wait. */
import { ServiceError } from '../../contracts/errors.js';
import { unreachable } from '../../core/assert.js';
import type { Job } from '../../core/job.js';
import { auditedUnlessOwn } from '../audit.js';
import { actorOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { JOB_ID } from '../fields.js';
import { type Call, json, type Route, route } from '../route.js';
import { acted } from '../schemas/job.js';
import { extrasFor, statusToWire } from '../wire.js';

type OfJob = Call<'own-job', typeof JOB_ID>;

export const HOLD_ROUTES: readonly Route[] = [
  route({
    method: 'POST',
    path: '/task/:id/hold',
    tag: 'jobs',
    access: 'own-job',
    summary: 'Hold a job that waits',
    description:
      'It does not start until it is released. A hold of an administrator is lifted by one.',
    params: JOB_ID,
    answers: { 200: json(acted('Task is held', 'Task is held already')) },
    errors: ['wrong-state'],
    examples: [
      { name: 'a job that waits', params: { id: 1 }, answer: { msg: 'Task is held', id: 1 } },
      { name: 'one that runs', params: { id: 2 }, status: 409, answer: { code: 'wrong-state' } },
    ],
    handle: hold,
  }),
  route({
    method: 'POST',
    path: '/task/:id/release',
    tag: 'jobs',
    access: 'own-job',
    summary: 'Release a job that is held',
    params: JOB_ID,
    answers: { 200: json(acted('Task is released')) },
    errors: ['wrong-state', 'forbidden'],
    examples: [
      { name: 'a job that is held', params: { id: 4 }, answer: { msg: 'Task is released', id: 4 } },
      { name: 'one that is not', params: { id: 1 }, status: 409, answer: { code: 'wrong-state' } },
    ],
    handle: release,
  }),
];

async function hold({ context, deps, person, job }: OfJob) {
  const { store, clock, events } = deps;
  const isAdmin = person.isAdmin && job.owner !== person.id;
  const subject = { kind: 'job', id: String(job.id) } as const;
  const act = { act: 'job.hold', subject, facts: { owner: job.owner } } as const;
  const answer = await auditedUnlessOwn({ context, deps }, job.owner, act, () =>
    store.holdBack(job.id, { by: actorOf(person), isAdmin, at: clock.now() }),
  );
  switch (answer) {
    case 'unknown':
      throw unknown(job);
    case 'too-late':
      throw new ServiceError(
        'wrong-state',
        `job ${job.id} does not wait any more: only jobs that wait can be held`,
        { field: 'id' },
      );
    case 'held':
    case 'already':
      if (answer === 'held') events.emit('job:held', { jobId: job.id, by: actorOf(person) });
      return tell(job, deps, answer === 'held' ? 'Task is held' : 'Task is held already');
    default:
      return unreachable(answer);
  }
}

async function release({ context, deps, person, job }: OfJob) {
  const { store, events } = deps;
  const subject = { kind: 'job', id: String(job.id) } as const;
  const act = { act: 'job.release', subject, facts: { owner: job.owner } } as const;
  const answer = await auditedUnlessOwn({ context, deps }, job.owner, act, () =>
    store.release(job.id, { isAdmin: person.isAdmin }),
  );
  switch (answer) {
    case 'unknown':
      throw unknown(job);
    case 'forbidden':
      throw new ServiceError(
        'forbidden',
        `job ${job.id} is held by an administrator: only one of them may release it`,
        { field: 'id' },
      );
    case 'not-held': {
      const ofArray = job.parent === undefined ? '' : `; its array ${job.parent} may be`;
      throw new ServiceError('wrong-state', `job ${job.id} is not held${ofArray}`, { field: 'id' });
    }
    case 'released':
      events.emit('job:released', { jobId: job.id, by: actorOf(person) });
      return tell(job, deps, 'Task is released');
    default:
      return unreachable(answer);
  }
}

async function tell({ id }: Job, deps: ApiDeps, msg: string) {
  deps.notices.holdChanged(id);
  const after = await deps.store.job(id);
  const status =
    after === undefined
      ? {}
      : { status: statusToWire(after, (await extrasFor(deps, [after]))(after)) };
  return { msg, id, ...status };
}

const unknown = ({ id }: Job): ServiceError =>
  new ServiceError('job-not-found', `no job ${id}`, { field: 'id' });
