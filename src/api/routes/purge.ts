/** Jobs of the past, many at once: archived, then purged. Old command lines archive with GET. */

import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import { JOBS_PER_ACT_MAX } from '../../contracts/limits.js';
import type { Job } from '../../core/job.js';
import { archivePast, daysAgo, doToPast } from '../all-jobs.js';
import { auditedUnlessOwn } from '../audit.js';
import type { ApiDeps } from '../deps.js';
import { archive } from '../disk.js';
import { JOB_ID, text, wire } from '../fields.js';
import { mustBeOwn } from '../membership.js';
import { type Call, json, type Route, route } from '../route.js';
import { jobNumber, shape, whole } from '../schemas/answer.js';

const DAYS_MAX = 36_500;

const DAYS = {
  days: text(
    (value) => /^\d{1,5}$/.test(value) && Number(value) <= DAYS_MAX,
    `must be a whole number of days, at most ${DAYS_MAX}`,
    { code: 'bad-request' },
  )
    .transform(Number)
    .meta(wire({ type: 'integer', minimum: 0, maximum: DAYS_MAX })),
};

const TAG = {
  tag: z.string().optional().describe('Only jobs with this tag, to the letter.'),
};

const MANY = (what: string) => ({
  more: z.boolean().meta({
    description: `There are more than the ${JOBS_PER_ACT_MAX} that one request ${what}: ask again.`,
  }),
});

export const PURGE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/archive/:days',
    tag: 'jobs',
    access: 'signed-in',
    summary: 'Archive your jobs that ended so many days ago',
    description:
      'Removes the directories of your own jobs that ended earlier than that; their records stay. GET, as old command lines have it.',
    params: DAYS,
    query: TAG,
    answers: {
      200: json(
        shape({
          msg: z.literal('Tasks archived'),
          archived: whole.meta({ description: 'Jobs that are archived now.' }),
          ...MANY('archives'),
        }),
      ),
    },
    errors: ['not-supported', 'forbidden'],
    examples: [
      {
        name: 'nothing is that old',
        params: { days: 3650 },
        answer: { msg: 'Tasks archived', archived: 0, more: false },
      },
    ],
    async handle({ deps, person, params, query }) {
      const { done, isCut } = await archivePast(deps, {
        owner: person.id,
        tag: query.tag,
        endedBefore: daysAgo(deps.clock.now(), params.days),
      });
      deps.log.info('jobs archived', { by: person.id, days: params.days, archived: done });
      return { msg: 'Tasks archived', archived: done, more: isCut };
    },
  }),
  route({
    method: 'DELETE',
    path: '/archive/:days',
    tag: 'jobs',
    access: 'signed-in',
    summary: 'Purge your jobs that ended so many days ago',
    description:
      'Archives your own jobs that ended earlier than that and takes them off the record. What they used counts on.',
    params: DAYS,
    query: TAG,
    answers: {
      200: json(
        shape({
          msg: z.literal('Tasks purged'),
          purged: whole.meta({ description: 'Jobs that are gone; an array is one.' }),
          ...MANY('purges'),
        }),
      ),
    },
    errors: ['not-supported', 'forbidden', 'wrong-state'],
    examples: [
      {
        name: 'nothing is that old',
        params: { days: 3650 },
        query: { tag: 'old' },
        answer: { msg: 'Tasks purged', purged: 0, more: false },
      },
    ],
    async handle({ deps, person, params, query }) {
      const past = {
        owner: person.id,
        tag: query.tag,
        endedBefore: daysAgo(deps.clock.now(), params.days),
      };
      const { done, isCut } = await doToPast(
        deps,
        past,
        async () => true,
        (job) => purge(deps, job),
      );
      deps.log.info('jobs purged', { by: person.id, days: params.days, purged: done });
      return { msg: 'Tasks purged', purged: done, more: isCut };
    },
  }),
  route({
    method: 'DELETE',
    path: '/task/:id/archive',
    tag: 'jobs',
    access: 'own-job',
    summary: 'Purge a job',
    description:
      'Archives a job that is over and takes it off the record, an array with all its members. What it used counts on; its number is never used again.',
    params: JOB_ID,
    answers: {
      200: json(shape({ msg: z.literal('Task purged'), id: jobNumber }), 'It is gone.'),
    },
    errors: ['wrong-state', 'not-supported', 'forbidden'],
    examples: [
      { name: 'a job that is over', params: { id: 3 }, answer: { msg: 'Task purged', id: 3 } },
      { name: 'one that runs', params: { id: 2 }, status: 409, answer: { code: 'wrong-state' } },
    ],
    async handle({ context, deps, person, job }: Call<'own-job', typeof JOB_ID>) {
      mustBeOwn(person, job, 'purge');
      if (job.parent !== undefined)
        throw new ServiceError(
          'wrong-state',
          `job ${job.id} is a member of array ${job.parent}: members are purged with their array`,
          { field: 'id' },
        );
      const subject = { kind: 'job', id: String(job.id) } as const;
      const act = { act: 'job.purge', subject, facts: { owner: job.owner } } as const;
      await auditedUnlessOwn({ context, deps }, job.owner, act, () => purge(deps, job));
      deps.log.info('job purged', { jobId: job.id, by: person.id });
      return { msg: 'Task purged', id: job.id };
    },
  }),
];

/** First the files, then the record: if we stop in between, asking again finishes it. */
async function purge(deps: ApiDeps, job: Job): Promise<void> {
  await archive(deps, job);
  for (;;) {
    const answer = await deps.store.purge(job.id);
    if (answer === 'more') continue;
    // Somebody else was faster.
    if (answer === 'purged' || answer === 'unknown') return;
    throw new ServiceError(
      'wrong-state',
      `what job ${job.id} used is not in the accounts yet: try again in a moment`,
      { field: 'id' },
    );
  }
}
