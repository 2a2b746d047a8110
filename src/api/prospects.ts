/** Where one waiting job stands and when it may start, out of what the leader told of all. */
import type { Foreseen, ForeseenStart, OutlookFacts } from '../contracts/outlook.js';
import { arraySize, memberId } from '../core/array.js';
import type { Job } from '../core/job.js';
import { type Place, Places } from '../core/survey.js';
import { type Instant, instant, type JobId } from '../core/units.js';

/** Why nothing can be told of a start. */
export type Unforeseen =
  /** The leader is still playing it. */
  | 'under-way'
  /** Not in line: for what it waits is told elsewhere. */
  | 'not-in-line'
  /** It came after the last look. */
  | 'not-seen-yet'
  /** Estimates are made for the first jobs only. */
  | 'far-back'
  /** Before it run, or start, tasks of which nobody knows when they end. */
  | 'no-ends'
  /** With the agents and limits as they are it does not start. */
  | 'no-place'
  /** It would start beyond what was played; `from`: not before. */
  | 'far-off';

export type Estimate =
  | {
      readonly kind: 'about';
      readonly at: Instant;
      readonly from: Instant;
      /** Null: if tasks take longer than most, no end is in sight. */
      readonly to: Instant | null;
      readonly basis: Basis;
    }
  | { readonly kind: 'unknown'; readonly because: Unforeseen; readonly from: Instant | null };

/** What an estimate stands on. */
export interface Basis extends Pick<Foreseen, 'bases' | 'agents'> {}

export interface Prospect {
  /** When the line was looked at. */
  readonly at: Instant;
  readonly inLine: number;
  readonly place: Place | null;
  /** Of an array: its member that is next; null where it is not known, or for other jobs. */
  readonly memberId: JobId | null;
  readonly estimate: Estimate;
}

interface Indexed {
  readonly places: Places;
  readonly starts: ReadonlyMap<JobId, ForeseenStart>;
}

/** One document answers many questions. */
const indexed = new WeakMap<OutlookFacts, Indexed>();

function indexOf(facts: OutlookFacts): Indexed {
  let known = indexed.get(facts);
  if (known === undefined) {
    const starts = new Map((facts.foreseen?.starts ?? []).map((one) => [one[0], one]));
    known = { places: new Places(facts.survey), starts };
    indexed.set(facts, known);
  }
  return known;
}

/** Of a job that waits, or of an array of which members wait. */
export function prospectOf(job: Job, facts: OutlookFacts): Prospect {
  const { survey } = facts;
  const { places, starts } = indexOf(facts);
  const found = placeOf(job, places);
  const start =
    found.memberId === null && job.spec.array !== undefined && job.parent === undefined
      ? firstStart(membersOf(job), starts)
      : starts.get(found.memberId ?? job.id);
  const place = found.place ?? null;
  return {
    at: survey.at,
    inLine: survey.inLine,
    place,
    memberId: found.memberId,
    estimate: estimateOf(job, { facts, place, start }),
  };
}

function placeOf(
  job: Job,
  places: Places,
): { readonly place?: Place | undefined; readonly memberId: JobId | null } {
  const account = { user: job.owner, project: job.project, queue: job.spec.queue ?? null };
  if (job.state !== 'open') return { place: places.of(job.id, account), memberId: null };
  return places.ofArray(job.id, membersOf(job).last, account) ?? { memberId: null };
}

const membersOf = ({ id, spec }: Job): { readonly first: JobId; readonly last: JobId } => ({
  first: memberId(id, 0),
  last: memberId(id, (spec.array === undefined ? 1 : arraySize(spec.array)) - 1),
});

function firstStart(
  { first, last }: { readonly first: JobId; readonly last: JobId },
  starts: Indexed['starts'],
): ForeseenStart | undefined {
  let best: ForeseenStart | undefined;
  for (const start of starts.values())
    if (start[0] >= first && start[0] <= last && isSooner(start, best)) best = start;
  return best;
}

const isSooner = ([, one]: ForeseenStart, other: ForeseenStart | undefined): boolean =>
  other === undefined || (one ?? Number.POSITIVE_INFINITY) < (other[1] ?? Number.POSITIVE_INFINITY);

function estimateOf(
  job: Job,
  {
    facts: { survey, foreseen },
    place,
    start,
  }: {
    readonly facts: OutlookFacts;
    readonly place: Place | null;
    readonly start: ForeseenStart | undefined;
  },
): Estimate {
  const unknown = (because: Unforeseen, from: Instant | null = null): Estimate => ({
    kind: 'unknown',
    because,
    from,
  });
  const { at, bases, agents, end, until } = foreseen ?? {};
  if (at === undefined || bases === undefined || agents === undefined || until === undefined)
    return unknown('under-way');
  const [, likely = null, early = null, late = null] = start ?? [];
  if (likely !== null) {
    const after = (seconds: number): Instant => instant(at + seconds * 1_000);
    const to = late === null ? null : after(late);
    const basis = { bases, agents };
    return { kind: 'about', at: after(likely), from: after(early ?? likely), to, basis };
  }
  if (start !== undefined) {
    if (end === 'far') return unknown('far-off', until);
    return unknown(bases.unknown > 0 ? 'no-ends' : 'no-place');
  }
  if (place !== null) return unknown('far-back');
  return unknown(
    job.submittedAt > survey.at ? 'not-seen-yet' : survey.isWhole ? 'not-in-line' : 'far-back',
  );
}
