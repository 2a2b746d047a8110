/** Keys of the rules by which room is kept for jobs that wait long, and running ones are stopped for them. */
import type { PreemptionOptions } from '../core/preemption.js';
import { duration, flag, integer, number } from './keys.js';

export const PREEMPTION = {
  reservation_after: duration(
    600_000,
    'A job that has waited for so long, and that others would overtake, gets an agent kept free for it; `3650d`: never.',
  ),
  'preemption.enabled': flag(
    false,
    'Running jobs of users far above their share may be stopped, and wait again, for jobs of users far below.',
  ),
  'preemption.after': duration(
    600_000,
    'A job must have waited for so long before others are stopped for it.',
  ),
  'preemption.every': duration(60_000, 'Between two looks for jobs to be stopped; at least `10s`.'),
  'preemption.protected_share': number(
    1,
    { min: 0 },
    'Nobody is brought below so many times the share of the cluster that is due.',
  ),
  'preemption.min_difference': number(
    0.5,
    { min: 0 },
    'So many shares above the one who gains is the one who loses, also afterwards.',
  ),
  'preemption.max_jobs': integer(10, { min: 1, max: 10_000 }, 'Jobs stopped at one look.'),
};

interface Values {
  readonly 'preemption.enabled': boolean;
  readonly 'preemption.after': number;
  readonly 'preemption.every': number;
  readonly 'preemption.protected_share': number;
  readonly 'preemption.min_difference': number;
  readonly 'preemption.max_jobs': number;
}

/** Null: running jobs are never stopped for others. */
export const preemptionOf = (values: Values): PreemptionOptions | null =>
  values['preemption.enabled']
    ? {
        afterMs: values['preemption.after'],
        eachMs: values['preemption.every'],
        protectedShare: values['preemption.protected_share'],
        differenceMin: values['preemption.min_difference'],
        stopsMax: values['preemption.max_jobs'],
      }
    : null;
