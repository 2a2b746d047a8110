/** `requirements.maxlifespan`: how long each launch of a job may run. */
import type { Config, SiteQueue } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import { DURATION_FORM, durationMsOf, durationText } from '../core/duration.js';

const FIELD = 'requirements.maxlifespan';

/**
 * Milliseconds, or null for no limit. Nothing asked means the default of the queue, else of the site.
 * @throws ServiceError `bad-field` for what is no duration, or one that is longer than the site or the queue allows
 */
export function readLifespan(
  asked: unknown,
  { jobs }: Pick<Config, 'jobs'>,
  queue: SiteQueue | null = null,
): number | null {
  const inQueue = queue?.lifespanMsMax ?? null;
  const max = lesser(jobs.lifespanMsMax, inQueue);
  if (asked === undefined || asked === null || asked === '')
    return lesser(queue?.lifespanMsDefault ?? jobs.lifespanMsDefault, max);
  const isText = typeof asked === 'string' || typeof asked === 'number';
  const ms = isText ? durationMsOf(String(asked)) : undefined;
  if (ms === undefined || ms === 0) refuse(`must be ${DURATION_FORM}, and more than nothing`);
  if (max !== null && ms > max) {
    const who = max === inQueue ? `queue "${queue?.name}"` : 'this site';
    refuse(`"${asked}" is longer than ${who} allows: ${durationText(max)}`);
  }
  return ms;
}

/** Null: no limit. */
const lesser = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

function refuse(why: string): never {
  throw new ServiceError('bad-field', `${FIELD}: ${why}`, { field: FIELD });
}
