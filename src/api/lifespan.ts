/** `requirements.maxlifespan`: how long each launch of a job may run. */
import type { Config } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import { DURATION_FORM, durationMsOf, durationText } from '../core/duration.js';

const FIELD = 'requirements.maxlifespan';

/**
 * Milliseconds, or null for no limit. Nothing asked means the default of the site.
 * @throws ServiceError `bad-field` for what is no duration, or one that is longer than the site allows
 */
export function readLifespan(asked: unknown, { jobs }: Pick<Config, 'jobs'>): number | null {
  if (asked === undefined || asked === null || asked === '') return jobs.lifespanMsDefault;
  const isText = typeof asked === 'string' || typeof asked === 'number';
  const ms = isText ? durationMsOf(String(asked)) : undefined;
  if (ms === undefined || ms === 0) refuse(`must be ${DURATION_FORM}, and more than nothing`);
  if (jobs.lifespanMsMax !== null && ms > jobs.lifespanMsMax)
    refuse(`"${asked}" is longer than this site allows: ${durationText(jobs.lifespanMsMax)}`);
  return ms;
}

function refuse(why: string): never {
  throw new ServiceError('bad-field', `${FIELD}: ${why}`, { field: FIELD });
}
