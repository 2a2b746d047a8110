/** Job directories that nobody needs any more. Old command lines archive with GET. */

import { z } from 'zod';
import { audited, auditedUnlessOwn } from '../audit.js';
import { archive } from '../disk.js';
import { JOB_ID } from '../fields.js';
import { mustBeOwn } from '../membership.js';
import { json, type Route, route } from '../route.js';
import { jobNumber, shape, whole } from '../schemas/answer.js';

export const ARCHIVE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/task/:id/archive',
    tag: 'jobs',
    access: 'own-job',
    summary: 'Archive a job',
    description:
      'Removes the directory of a job that is over; its record stays. GET, as old command lines have it.',
    params: JOB_ID,
    answers: {
      200: json(
        shape({
          msg: z.literal('Task archived'),
          id: jobNumber,
          archived: whole.meta({ description: 'Jobs that lost their directory.' }),
        }),
        'Its directory is gone.',
      ),
    },
    errors: ['wrong-state', 'not-supported', 'forbidden'],
    examples: [
      { name: 'a job that is over', params: { id: 3 }, answer: { msg: 'Task archived', id: 3 } },
      { name: 'one that runs', params: { id: 2 }, status: 409, answer: { code: 'wrong-state' } },
    ],
    async handle({ context, deps, person, job }) {
      mustBeOwn(person, job, 'archive');
      const subject = { kind: 'job', id: String(job.id) } as const;
      const act = { act: 'job.archive', subject, facts: { owner: job.owner } } as const;
      const archived = await auditedUnlessOwn({ context, deps }, job.owner, act, () =>
        archive(deps, job),
      );
      deps.log.info('job archived', { jobId: job.id, by: person.id, archived });
      return { msg: 'Task archived', id: job.id, archived };
    },
  }),
  route({
    method: 'POST',
    path: '/disk/recount',
    tag: 'service',
    access: 'admin',
    summary: 'Have directories measured anew',
    description:
      'Sizes are kept as they were measured: for administrators who removed files by hand.',
    answers: {
      200: json(
        shape({
          msg: z.literal('Directories will be measured'),
          due: whole.meta({ description: 'Directories to measure.' }),
        }),
      ),
    },
    examples: [{ name: 'all directories', answer: { msg: 'Directories will be measured' } }],
    async handle({ context, deps }) {
      const subject = { kind: 'site', id: 'disks' } as const;
      const due = await audited({ context, deps }, { act: 'disk.recount', subject }, () =>
        deps.store.recountDisk(),
      );
      return { msg: 'Directories will be measured', due };
    },
  }),
];
