/** Many jobs in one request. */
import { z } from 'zod';
import { BULK_JOBS_MAX } from '../../contracts/limits.js';
import { submitAll } from '../bulk.js';
import { actorOf } from '../caller.js';
import { flag } from '../fields.js';
import { json, type Route, route } from '../route.js';
import { jobNumber, shape, whole } from '../schemas/answer.js';
import { IDEMPOTENCY_KEY, SUBMISSION_ERRORS } from '../submission.js';

const WARNING = shape({ code: z.string(), field: z.string(), msg: z.string() });

export const BULK_ROUTES: readonly Route[] = [
  route({
    method: 'POST',
    path: '/tasks',
    tag: 'jobs',
    access: 'signed-in',
    summary: 'Submit many jobs',
    description: `A JSON array of submissions, or one a line (\`Content-Type: application/x-ndjson\`): at most ${BULK_JOBS_MAX}, and 64 MiB. Each entry has its answer, in their order. With \`atomic=1\` all are stored or none; else those that may be. Under an \`Idempotency-Key\` a repetition of the whole makes nothing twice.`,
    query: {
      atomic: flag.describe('All or none.'),
      strict: flag.describe('Keys that mean nothing are refused.'),
    },
    headers: { 'Idempotency-Key': IDEMPOTENCY_KEY.optional() },
    answers: {
      200: json(
        shape({
          msg: z.enum(['Tasks added', 'No task added']),
          added: whole,
          tasks: z.array(
            z.union([
              shape({ id: jobNumber, warnings: z.array(WARNING).optional() }),
              shape({ code: z.string(), msg: z.string(), field: z.string().optional() }),
            ]),
          ),
        }),
        'What became of each entry.',
      ),
    },
    errors: ['bad-json', 'bad-request', ...SUBMISSION_ERRORS],
    examples: [
      {
        name: 'two jobs, of which one is wrong',
        body: [
          { container: { image: 'debian:12' }, command: { cmd: '#!/bin/sh\necho 1\n' } },
          { command: { cmd: '' } },
        ],
        answer: { msg: 'Tasks added', added: 1, tasks: [{}, { code: 'bad-field' }] },
      },
      {
        name: 'all or none',
        query: { atomic: 1 },
        body: [{ command: { cmd: '#!/bin/sh\necho 1\n' } }, { command: { cmd: '' } }],
        answer: { msg: 'No task added', added: 0 },
      },
    ],
    async handle({ context, deps, person, query, headers }) {
      const tasks = await submitAll(deps, context, {
        ...{ person, isAtomic: query.atomic, isStrict: query.strict },
        key: headers['Idempotency-Key'] ?? null,
      });
      const added = tasks.filter((answer) => 'id' in answer).length;
      deps.log.info('jobs submitted together', {
        by: actorOf(person),
        entries: tasks.length,
        added,
      });
      return { msg: added > 0 ? 'Tasks added' : 'No task added', added, tasks };
    },
  }),
];
