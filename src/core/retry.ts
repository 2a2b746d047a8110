/**
 * Whether a job is launched again, after how long, and with how much memory. Faults of the system are the site's matter
 * and cost the job nothing; for ends of its own a job brings rules, and what such a launch used is charged.
 */
import {
  isRegistryFault,
  type Job,
  type Outcome,
  type OwnFailure,
  type Reason,
  type Retried,
  type RetryRule,
} from './job.js';
import type { Needs } from './resources.js';

/** Pause before the next launch when the cluster has refused two in a row; each further one doubles it. */
const REFUSED_PAUSE_MS_MIN = 500;
/** No longer than this: a cluster that takes launches again should not stay idle. */
const REFUSED_PAUSE_MS_MAX = 60_000;

export const NEVER_RETRIED: Retried = { failures: [], memMbGranted: null, refusals: 0 };

/** What the next launch of a job takes, or the present one: what was asked, with the memory that was granted since. */
export const needsOf = ({ spec, retried }: Pick<Job, 'spec' | 'retried'>): Needs =>
  grantedNeeds(spec.needs, retried);

/** Needs as they were asked, with the memory that was granted since. */
export const grantedNeeds = (
  needs: Needs,
  { memMbGranted }: Pick<Retried, 'memMbGranted'>,
): Needs => (memMbGranted === null ? needs : { ...needs, memMb: memMbGranted });

/**
 * Launches that ran, or may have run, the present one included; those that the cluster refused, or whose image could not
 * be had, do not count.
 */
export const launchesRun = ({ faults, retried }: Pick<Job, 'faults' | 'retried'>): number =>
  faults.filter((fault) => !isRegistryFault(fault)).length + retried.failures.length + 1;

/**
 * Pause after a launch of which nothing ran, in milliseconds. The first takes what the refusal itself asks for; a cluster
 * that goes on refusing is asked less and less often, so that no job runs in a hot loop.
 * @param refusals in a row, this one included
 */
export function refusedPauseMs(refusals: number, graceMs: number): number {
  if (refusals <= 1) return graceMs;
  return Math.max(
    graceMs,
    Math.min(REFUSED_PAUSE_MS_MAX, REFUSED_PAUSE_MS_MIN * 2 ** (refusals - 2)),
  );
}

type Exited = Extract<Outcome, { kind: 'exited' }>;

export type Retry =
  | {
      readonly kind: 'granted';
      /** Which of `spec.retries` grants it. */
      readonly rule: number;
      readonly pauseMs: number;
      /** For the next launch; null: as asked. */
      readonly memMbGranted: number | null;
    }
  /** No rule is about such an end. */
  | { readonly kind: 'no-rule' }
  /** Every rule about it has granted what it may, or its memory can grow no more. */
  | { readonly kind: 'used-up' };

/**
 * What the job's rules say of a launch that ended by itself. The first rule that is about it and may still grant decides.
 * @param memMbMax memory of the largest agent that suits the job; null when nobody knows.
 */
export function retryOf(
  job: Pick<Job, 'spec' | 'retried'>,
  outcome: Exited,
  memMbMax: number | null,
): Retry {
  let isAbout = false;
  for (const [index, rule] of job.spec.retries.entries()) {
    if (!matches(rule, outcome)) continue;
    isAbout = true;
    const granted = job.retried.failures.filter((failure) => failure.rule === index).length;
    const memMbGranted = grown(job, rule, memMbMax);
    if (granted < rule.timesMax && memMbGranted !== 'no more')
      return { kind: 'granted', rule: index, pauseMs: rule.pauseMs, memMbGranted };
  }
  return { kind: isAbout ? 'used-up' : 'no-rule' };
}

/** Ends that memory explains: the cluster says so, or a SIGKILL came that nobody sent, as agents tell it that do not look. */
const MEMORY_CODES: ReadonlySet<string> = new Set(['out-of-memory', 'killed-by-signal']);

function matches(rule: RetryRule, { exitCode, because }: Exited): boolean {
  if (rule.isForMemory && because !== null && MEMORY_CODES.has(because.code)) return true;
  return rule.exitCodes.some(({ first, last }) => first <= exitCode && exitCode <= last);
}

/** Another launch with the same memory would end the same way, so a rule that grows it ends with its growth. */
function grown(
  { spec, retried }: Pick<Job, 'spec' | 'retried'>,
  { growth }: RetryRule,
  memMbMax: number | null,
): number | null | 'no more' {
  if (growth === null) return retried.memMbGranted;
  const hadMb = needsOf({ spec, retried }).memMb;
  const wantedMb = Math.ceil(hadMb * growth.factor);
  const mostMb = Math.min(
    growth.memMbMax ?? Number.POSITIVE_INFINITY,
    memMbMax ?? Number.POSITIVE_INFINITY,
  );
  const nextMb = Math.min(wantedMb, mostMb);
  return nextMb > hadMb ? nextMb : 'no more';
}

/** The job's account of its relaunches after one more failure of its own. */
export const withFailure = (
  { failures }: Retried,
  failure: OwnFailure,
  memMbGranted: number | null,
): Retried => ({ failures: [...failures, failure], memMbGranted, refusals: 0 });

/** The last of several launches says so. */
export function withLaunches(because: Reason, job: Pick<Job, 'faults' | 'retried'>): Reason {
  const launches = launchesRun(job);
  return launches === 1 ? because : { ...because, facts: { ...because.facts, launches } };
}

/** How the last launch ended: its own code, and that the rules had their say. */
export function lastOutcome(
  job: Pick<Job, 'spec' | 'faults' | 'retried'>,
  outcome: Exited,
): Exited {
  const { memMb } = needsOf(job);
  const said = outcome.because ?? { code: 'retries-used-up', facts: {} };
  const memory = job.retried.memMbGranted === null ? {} : { memMb };
  const because = { ...said, facts: { ...said.facts, ...memory, launches: launchesRun(job) } };
  return { ...outcome, because };
}
