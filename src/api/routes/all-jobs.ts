/** All jobs of a user at once: killed, counted. */
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import type { JobState } from '../../core/job.js';
import { killAll } from '../all-jobs.js';
import { auditedUnlessOwn } from '../audit.js';
import { actorOf } from '../caller.js';
import { flag, LOGIN } from '../fields.js';
import { json, type Route, route } from '../route.js';
import { shape, whole } from '../schemas/answer.js';

const KILL_QUERY = {
  tag: z.string().optional().describe('Only jobs with this tag, to the letter.'),
};
const COUNT_QUERY = { all: flag.describe("Of everybody's jobs; for administrators.") };

export const ALL_JOBS_ROUTES: readonly Route[] = [
  route({
    method: 'DELETE',
    path: '/user/:id/task',
    tag: 'jobs',
    access: 'own-or-admin',
    summary: "Kill all of a user's jobs",
    description:
      'All that wait or run; of arrays, with all members. They end soon after the answer.',
    params: LOGIN,
    query: KILL_QUERY,
    answers: {
      200: json(
        shape({
          msg: z.literal('Tasks will be killed'),
          killed: whole.meta({ description: 'Kills that are new; an array is one.' }),
        }),
        'The wishes are on record.',
      ),
    },
    examples: [
      {
        name: 'those with a tag that none has',
        params: { id: 'alice' },
        query: { tag: 'nothing-has-it' },
        answer: { msg: 'Tasks will be killed', killed: 0 },
      },
    ],
    async handle({ context, deps, person, user, query }) {
      const by = actorOf(person);
      const subject = { kind: 'user', id: user.id } as const;
      const facts = query.tag === undefined ? {} : { tag: query.tag };
      const act = { act: 'job.kill-all', subject, facts } as const;
      const killed = await auditedUnlessOwn({ context, deps }, user.id, act, () =>
        killAll(deps, { owner: user.id, tag: query.tag }, by),
      );
      deps.log.info('all jobs of a user are to be killed', {
        ...{ user: user.id, by, killed },
        ...(query.tag === undefined ? {} : { tag: query.tag }),
      });
      return { msg: 'Tasks will be killed', killed };
    },
  }),
  route({
    method: 'GET',
    path: '/task/count',
    tag: 'jobs',
    access: 'signed-in',
    summary: 'Count your jobs',
    description: 'By `status.primary`. An array counts as one, and each member that has begun.',
    query: COUNT_QUERY,
    answers: { 200: json(shape({ pending: whole, running: whole, over: whole })) },
    errors: ['forbidden'],
    examples: [{ name: 'of your own' }],
    async handle({ deps, person, query }) {
      if (query.all && !person.isAdmin)
        throw new ServiceError('forbidden', "only administrators count everybody's jobs");
      return counted(await deps.store.counts(query.all ? undefined : person.id));
    },
  }),
];

/** An array that is open counts as running: some of its members do, or soon will. */
function counted(of: Readonly<Record<JobState, number>>) {
  return {
    pending: of.pending + of.launching,
    running: of.running + of.killing + of.unreachable + of.open,
    over: of.over,
  };
}
