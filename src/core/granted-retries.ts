/** How often a job is launched again after faults that are not its own. */
import {
  isPreempted,
  isRegistryFault,
  isRescheduled,
  isTakenBack,
  type SystemFault,
} from './job.js';

/** Relaunches after failures of the system, whatever the job asks for: beyond, it is the job's own fault. */
export const SYSTEM_RETRIES_MAX = 5;
/**
 * Relaunches while the registry refuses or is away, counted apart and granted to every job, for nothing of it has run.
 * Spread over more than an hour; a registry that does not exist looks the same, and must not be asked for ever.
 */
export const REGISTRY_RETRIES_MAX = 12;

/**
 * Whether the last fault is beyond what is granted for its kind.
 * @param retriesMax what the job asks for after other faults than the registry's
 */
export function isBeyondGranted(faults: readonly SystemFault[], retriesMax: number): boolean {
  const last = faults.at(-1);
  // Bounded elsewhere: see `TAKEN_BACK_MAX` and `PREEMPTIONS_PER_JOB_MAX`.
  if (last !== undefined && isUncounted(last)) return false;
  const isOfRegistry = last !== undefined && isRegistryFault(last);
  const granted = isOfRegistry ? REGISTRY_RETRIES_MAX : Math.min(retriesMax, SYSTEM_RETRIES_MAX);
  const counted = faults.filter((fault) => !isUncounted(fault));
  return counted.filter((fault) => isRegistryFault(fault) === isOfRegistry).length > granted;
}

const isUncounted = (fault: SystemFault): boolean =>
  isTakenBack(fault) || isPreempted(fault) || isRescheduled(fault);
