/** Suspend and resume, as old clients ask for them: with GET. No executor of this version can pause a job, so nothing is promised. */
import { ServiceError } from '../../contracts/errors.js';
import { unreachable } from '../../core/assert.js';
import type { Job } from '../../core/job.js';
import { JOB_ID } from '../fields.js';
import { type Answer, type Call, json, type Route, route } from '../route.js';
import { acted } from '../schemas/job.js';

type Act = 'suspend' | 'resume';

const ANSWERS: Readonly<Record<Act, Answer>> = {
  suspend: json(acted('Task will be suspended'), 'The wish is on record.'),
  resume: json(acted('Task will be resumed'), 'The wish is on record.'),
};

const suspension = (act: Act): Route =>
  route({
    method: 'GET',
    path: `/task/:id/${act}`,
    tag: 'jobs',
    access: 'own-job',
    summary: act === 'suspend' ? 'Suspend a job' : 'Resume a job',
    description:
      'Only where `executor_features` of `GET /config` has `pause`, which no executor of this version has. A refusal leaves the job as it was. GET, as old command lines have it.',
    params: JOB_ID,
    answers: { 200: ANSWERS[act] },
    errors: ['not-supported'],
    examples: [
      {
        name: 'a job that runs',
        params: { id: 2 },
        status: 400,
        answer: { code: 'not-supported', field: 'id' },
      },
      {
        name: 'a job that waits',
        params: { id: 1 },
        status: 400,
        answer: { code: 'not-supported' },
      },
    ],
    handle: ({ job }: Call<'own-job', typeof JOB_ID>) => refuse(act, job),
  });

/**
 * 400 in every case: of the statuses that the original command line knows it is the one whose words it prints. It takes
 * what it does not know, 409 for example, for success.
 */
function refuse(act: Act, job: Job): never {
  const said = `${whyNot(act, job)}; it stays as it is`;
  throw new ServiceError('not-supported', said, { field: 'id' });
}

function whyNot(act: Act, { id, state }: Job): string {
  switch (state) {
    case 'pending':
    case 'launching':
      return `job ${id} does not run yet, so it cannot be ${PAST[act]}${
        act === 'suspend' ? ': hold it to keep it from starting' : ''
      }`;
    case 'open':
      return `job ${id} is an array: arrays cannot be ${PAST[act]}`;
    case 'over':
      return `job ${id} is over, so it cannot be ${PAST[act]}`;
    case 'running':
    case 'killing':
    case 'unreachable':
      return act === 'suspend'
        ? `the executor that runs job ${id} cannot suspend jobs`
        : `job ${id} is not suspended`;
    default:
      return unreachable(state);
  }
}

const PAST: Readonly<Record<Act, string>> = { suspend: 'suspended', resume: 'resumed' };

export const SUSPENSION_ROUTES: readonly Route[] = [suspension('suspend'), suspension('resume')];
