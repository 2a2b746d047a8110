/** `/trace`: what ran in a period, for `godocker simulate`. */
import { Readable } from 'node:stream';
import { ServiceError } from '../../contracts/errors.js';
import { type Instant, instant } from '../../core/units.js';
import { DAY_MS } from '../../core/usage.js';
import { type Context, queryFlag, queryValue } from '../context.js';
import { mustBeAdmin } from '../people.js';
import type { Routes } from '../routes.js';
import { anonymous, TRUE_NAMES, traceLines } from '../trace.js';

const DAYS_USUAL = 30;
const KEY_BYTES = 32;

export function traceRoutes({ deps, router, signedIn }: Routes): void {
  router.get('/trace', async (context) => {
    mustBeAdmin(await signedIn(context), 'see what everybody ran');
    const now = deps.clock.now();
    const until = readInstant(context, 'until', now);
    const since = readInstant(context, 'since', instant(until - DAYS_USUAL * DAY_MS));
    if (since >= until)
      throw new ServiceError('bad-field', 'since must be before until', { field: 'since' });
    const names = queryFlag(context, 'anonymous')
      ? anonymous(deps.randomBytes(KEY_BYTES))
      : TRUE_NAMES;
    const lines = traceLines(deps.store, { since, until }, names);
    // The first page is read before anything is sent: a store that is away is still a proper 503.
    const first = await lines.next();
    context.body = Readable.from(all(first, lines), { objectMode: false });
    context.type = 'application/x-ndjson; charset=utf-8';
  });
}

async function* all(
  first: IteratorResult<string>,
  rest: AsyncGenerator<string>,
): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

/** A date, or seconds since 1970. @throws ServiceError bad-field */
function readInstant(context: Context, field: 'since' | 'until', usual: Instant): Instant {
  const text = queryValue(context, field);
  if (text === undefined || text === '') return usual;
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : Date.parse(text);
  if (Number.isFinite(ms)) return instant(Math.round(ms));
  throw new ServiceError(
    'bad-field',
    `${field} must be a date, or a number of seconds since 1970`,
    {
      field,
    },
  );
}
