/** An agent as REST shows it, and what administrators send about one. */
import type { Amounts } from '../contracts/agents.js';
import { ServiceError } from '../contracts/errors.js';
import { DRAIN_REASON_CHARS_MAX } from '../contracts/limits.js';
import { type Instant, instant } from '../core/units.js';
import { type AgentView, left } from './agents.js';

/** Times in seconds, memory in GB of 1000 MB, as everywhere on the wire. */
export function agentToWire(view: AgentView, { isAdmin }: { readonly isAdmin: boolean }) {
  const { executor, host, state, jobs, total, used, attributes, drain, setAside } = view;
  return {
    name: host,
    executor,
    state,
    jobs,
    total: total === null ? null : amounts(total),
    used: amounts(used),
    free: total === null ? null : amounts(left(total, used)),
    attributes,
    drain:
      drain === null
        ? null
        : {
            reason: drain.reason,
            from: seconds(drain.from),
            until: drain.until === null ? null : seconds(drain.until),
            by: drain.by,
            date: seconds(drain.at),
          },
    set_aside:
      setAside === null
        ? null
        : {
            date: seconds(setAside.at),
            probe_from: seconds(setAside.probeFrom),
            strikes: setAside.strikes,
            // Names others and their jobs.
            ...(isAdmin
              ? {
                  evidence: setAside.evidence.map(({ jobId, owner, at, how }) => ({
                    job: jobId,
                    user: owner,
                    date: seconds(at),
                    how,
                  })),
                }
              : {}),
          },
  };
}

const seconds = (at: Instant): number => at / 1_000;

const amounts = ({ cpuMilli, memMb, gpus, ports, custom }: Amounts) => ({
  cpu: cpuMilli / 1_000,
  ram: memMb / 1_000,
  gpus,
  ports,
  custom,
});

export interface DrainAsked {
  readonly reason: string;
  readonly from: Instant;
  readonly until: Instant | null;
  /** Null: the one that has an agent of this name. */
  readonly executor: string | null;
}

const DRAIN_FIELDS = new Set(['reason', 'at', 'until', 'executor']);

/** @throws ServiceError naming the field */
export function readDrain(body: Readonly<Record<string, unknown>>, now: Instant): DrainAsked {
  for (const field of Object.keys(body))
    if (!DRAIN_FIELDS.has(field))
      throw new ServiceError('unknown-field', `${field} is not a field of a drain`, { field });
  const { reason } = body;
  if (typeof reason !== 'string' || reason.trim() === '')
    refuse('reason', 'must say why, for the users whose jobs wait');
  if ([...reason].length > DRAIN_REASON_CHARS_MAX)
    refuse('reason', `may have at most ${DRAIN_REASON_CHARS_MAX} characters`);
  const from = readTime(body.at, 'at') ?? now;
  const until = readTime(body.until, 'until');
  if (until !== null && until <= Math.max(from, now))
    refuse('until', 'must be later than now and than the begin of the drain');
  return { reason: reason.trim(), from, until, executor: readExecutor(body) };
}

/** @throws ServiceError naming the field */
export function readExecutor({
  executor = null,
}: Readonly<Record<string, unknown>>): string | null {
  if (executor === null || (typeof executor === 'string' && executor !== '')) return executor;
  return refuse('executor', 'must be the name of an executor');
}

/** The last instant that a date can hold. */
const INSTANT_MAX = 8.64e15;

/** Seconds since 1970 or a date with its zone, as in `2026-11-21T18:00:00Z`; null when it is missing. */
function readTime(value: unknown, field: string): Instant | null {
  if (value === undefined || value === null) return null;
  const ms =
    typeof value === 'number'
      ? value * 1_000
      : typeof value === 'string' && /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/.test(value)
        ? Date.parse(value)
        : Number.NaN;
  if (!(ms >= 0 && ms <= INSTANT_MAX))
    refuse(field, 'must be seconds since 1970, or a date with its zone as in 2026-11-21T18:00:00Z');
  return instant(Math.round(ms));
}

function refuse(field: string, msg: string): never {
  throw new ServiceError('bad-field', `${field} ${msg}`, { field });
}
