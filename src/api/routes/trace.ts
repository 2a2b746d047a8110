/** `/trace`: what ran in a period, for `godocker simulate`. */
import { Readable } from 'node:stream';
import { ServiceError } from '../../contracts/errors.js';
import { instant } from '../../core/units.js';
import { DAY_MS } from '../../core/usage.js';
import { flag, moment } from '../fields.js';
import { type Call, content, type None, type Route, route } from '../route.js';
import { anonymous, TRUE_NAMES, traceLines } from '../trace.js';

const DAYS_USUAL = 30;
const KEY_BYTES = 32;

const QUERY = {
  since: moment.describe(
    `Jobs that ended then or later; ${DAYS_USUAL} days before the end if absent.`,
  ),
  until: moment.describe('And before; now if absent.'),
  anonymous: flag.describe('Users and projects get other names.'),
};

export const TRACE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/trace',
    tag: 'accounting',
    access: 'admin',
    summary: 'Export what ran in a period',
    description: 'For `godocker simulate`.',
    query: QUERY,
    answers: {
      200: content('application/x-ndjson', 'A JSON object a line, for each job that ran.'),
    },
    examples: [
      { name: 'the last days', query: { anonymous: 1 } },
      {
        name: 'no period',
        query: { since: '2026-11-22', until: '2026-11-21' },
        status: 400,
        answer: { code: 'bad-field', field: 'since' },
      },
    ],
    handle: trace,
  }),
];

async function trace({ context, deps, query }: Call<'admin', None, typeof QUERY>) {
  const { until = deps.clock.now() } = query;
  const { since = instant(until - DAYS_USUAL * DAY_MS) } = query;
  if (since >= until)
    throw new ServiceError('bad-field', 'since must be before until', { field: 'since' });
  const names = query.anonymous ? anonymous(deps.randomBytes(KEY_BYTES)) : TRUE_NAMES;
  const lines = traceLines(deps.store, { since, until }, names);
  // The first page is read before anything is sent: a store that is away is still a proper 503.
  const first = await lines.next();
  context.body = Readable.from(all(first, lines), { objectMode: false });
  context.type = 'application/x-ndjson; charset=utf-8';
}

async function* all(
  first: IteratorResult<string>,
  rest: AsyncGenerator<string>,
): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}
