/** A submission pre-filled from a former job. */
import { JOB_ID } from '../fields.js';
import { replayOf } from '../replay.js';
import { type Call, json, type Route, route } from '../route.js';
import { TASK_SCHEMA } from '../task-document.js';

export const REPLAY_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/task/:id/replay',
    tag: 'jobs',
    access: 'own-job',
    summary: 'Show the submission that would run a job again',
    description:
      'As it was asked for, with what has only to do with the former run left out: change what you like and send it to `POST /task`. Dependencies and dates are not asked for again.',
    params: JOB_ID,
    answers: { 200: json(TASK_SCHEMA, 'For `POST /task`.') },
    examples: [
      {
        name: 'a job that is over',
        params: { id: 3 },
        answer: { command: { interactive: false } },
      },
    ],
    async handle({ deps, job }: Call<'own-job', typeof JOB_ID>) {
      const script = (await deps.store.scripts([job.id])).get(job.id) ?? '';
      return replayOf(job, script, deps.clock.now());
    },
  }),
];
