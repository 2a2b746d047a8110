/** Jobs after their submission: changed, launched anew. */
import { z } from 'zod';
import { DYNAMIC_FIELDS, type DynamicField } from '../../contracts/config.js';
import { ServiceError } from '../../contracts/errors.js';
import { LIST_ITEMS_MAX } from '../../contracts/limits.js';
import { type Wish, wishSetting } from '../../contracts/wishes.js';
import type { Job } from '../../core/job.js';
import { amended, carriedOut, mustBeChangeable } from '../amend.js';
import { auditedUnlessOwn } from '../audit.js';
import { actorOf } from '../caller.js';
import { JOB_ID, section } from '../fields.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { jobNumber, shape } from '../schemas/answer.js';
import { acted } from '../schemas/job.js';
import { SUBMISSION_ERRORS } from '../submission.js';
import { extrasOf, statusToWire } from '../wire.js';

const VALUE = z.union([z.string(), z.number(), z.array(z.string()).max(LIST_ITEMS_MAX), z.null()]);

const CHANGE = section({
  name: z.enum(DYNAMIC_FIELDS, { error: `must be one of ${DYNAMIC_FIELDS.join(', ')}` }),
  value: VALUE.optional(),
});

const RESCHEDULED = ['Task will be rescheduled', 'Task is already being rescheduled'] as const;

export const CHANGE_ROUTES: readonly Route[] = [
  route({
    method: 'PUT',
    path: '/task/:id',
    tag: 'jobs',
    access: 'own-job',
    summary: 'Change what a job asks for',
    description:
      'One requirement of a job that waits; of one that runs its `maxlifespan`, which may become shorter. What the site lets change stands in its configuration (`dynamic_fields`). Values may be texts, lists with commas between. Arrays and their members stay as they are.',
    params: JOB_ID,
    body: CHANGE,
    answers: {
      200: json(
        shape({
          msg: z.enum(['Task updated', 'Task will be updated']).meta({
            description: 'The latter when no scheduler leads just now.',
          }),
          id: jobNumber,
          name: z.enum(DYNAMIC_FIELDS),
          value: VALUE,
        }),
      ),
    },
    errors: ['wrong-state', ...SUBMISSION_ERRORS],
    examples: [
      {
        name: 'the memory of a job that waits',
        params: { id: 1 },
        body: { name: 'ram', value: '1' },
        answer: { id: 1, name: 'ram', value: '1' },
      },
      {
        name: 'a job that is over',
        params: { id: 3 },
        body: { name: 'ram', value: '1' },
        status: 409,
        answer: { code: 'wrong-state' },
      },
      {
        name: 'what is no requirement',
        params: { id: 1 },
        body: { name: 'colour', value: 'red' },
        status: 400,
        answer: { code: 'bad-field', field: 'name' },
      },
    ],
    handle: change,
  }),
  route({
    method: 'POST',
    path: '/task/:id/reschedule',
    tag: 'jobs',
    access: 'own-job',
    summary: 'Launch a job anew',
    description:
      'Its launch is killed and the job waits again at its old place. What it ran is charged if its owner wants that, and not if an administrator does. Members of arrays by themselves; jobs that are over are replayed instead.',
    params: JOB_ID,
    answers: { 200: json(acted(...RESCHEDULED), 'The wish is on record.') },
    errors: ['wrong-state'],
    examples: [
      { name: 'a job that runs', params: { id: 2 }, answer: { msg: RESCHEDULED[0], id: 2 } },
      {
        name: 'a job that waits',
        params: { id: 1 },
        status: 409,
        answer: { code: 'wrong-state' },
      },
    ],
    handle: reschedule,
  }),
];

async function change({
  context,
  deps,
  person,
  job,
  body: { name, value = null },
}: Call<'own-job', typeof JOB_ID, None, None, z.output<typeof CHANGE>>) {
  const by = actorOf(person);
  mustBeChangeable(deps, name, person);
  const spec = await amended(deps, job, { name, value });
  const subject = { kind: 'job', id: String(job.id) } as const;
  const act = { act: 'job.change', subject, facts: { owner: job.owner, name } } as const;
  const isDone = await auditedUnlessOwn({ context, deps }, job.owner, act, () =>
    carriedOut(deps, job, { by, spec }),
  );
  deps.log.info('job changed', { jobId: job.id, by, name });
  return { msg: isDone ? 'Task updated' : 'Task will be updated', id: job.id, name, value } as {
    readonly name: DynamicField;
  };
}

async function reschedule({ context, deps, person, job }: Call<'own-job', typeof JOB_ID>) {
  const { store, clock, log, notices } = deps;
  const { id, launches } = job;
  const no = whyNot(job);
  if (no !== null) throw new ServiceError('wrong-state', no, { field: 'id' });
  const by = actorOf(person);
  const wish: Wish = {
    ...{ kind: 'reschedule', id, launch: launches, by, at: clock.now() },
    // Acting for the owner is the owner's wish, or portals could run jobs that nobody is charged for.
    ...(person.id === job.owner && by !== job.owner ? { isOwners: true } : {}),
  };
  const isMarked = 'placement' in job && job.placement?.rescheduled !== undefined;
  const text = JSON.stringify(wish);
  const subject = { kind: 'job', id: String(id) } as const;
  const act = { act: 'job.reschedule', subject, facts: { owner: job.owner } } as const;
  const stands = isMarked
    ? ''
    : await auditedUnlessOwn({ context, deps }, job.owner, act, () =>
        store.firstSetting(wishSetting('reschedule', id), text),
      );
  if (stands === text) log.info('job to be launched anew', { jobId: id, by });
  notices.wished();
  return {
    msg: RESCHEDULED[stands === text ? 0 : 1],
    id,
    status: statusToWire(job, extrasOf(deps)(job)),
  };
}

/** Null: it may. */
function whyNot({ id, state, killWanted }: Job): string | null {
  if (killWanted !== null && state !== 'over') return `job ${id} is to be killed`;
  switch (state) {
    case 'running':
    case 'launching':
      return null;
    case 'pending':
      return `job ${id} waits already`;
    case 'killing':
      return `job ${id} is being killed`;
    case 'unreachable':
      return `the node of job ${id} cannot be reached`;
    case 'open':
      return `job ${id} is an array: name its members`;
    case 'over':
      return `job ${id} is over: replay it instead`;
  }
}
