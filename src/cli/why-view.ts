/**
 * The answer of `/task/{id}/why`, read with suspicion, and in words. The pages read it through this too, so it needs
 * neither Node nor a browser.
 */
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { isRecord, type Json } from './wire.js';
import { duration, localTime } from './words.js';

/** Places count from 1; null: not in line. */
export interface PositionView {
  readonly from: number | null;
  readonly to: number | null;
  readonly of: number;
  /** Of an array: the member that is next. */
  readonly member: number | null;
  /** Of the look, in milliseconds. */
  readonly ageMs: number;
}

export type EstimateView =
  | {
      readonly kind: 'about';
      readonly at: number;
      readonly from: number;
      readonly to: number | null;
      readonly basis: Readonly<Record<string, number>>;
      readonly agents: number;
    }
  | { readonly kind: 'unknown'; readonly because: string; readonly from: number | null };

export interface CauseView {
  readonly code: string;
  readonly mine: number | null;
  readonly other: number | null;
  readonly whose: string;
  readonly terms: readonly {
    readonly name: string;
    readonly mine: number;
    readonly other: number;
  }[];
}

export interface ComparisonView {
  readonly id: number;
  /** Empty: not the asker's to know. */
  readonly user: string;
  readonly project: string;
  readonly position: PositionView | null;
  readonly first: number | null;
  readonly because: readonly CauseView[];
}

export interface WhyView {
  readonly id: number;
  readonly isWaiting: boolean;
  readonly state: string;
  readonly reason: string | null;
  readonly impossible: string | null;
  readonly position: PositionView | null;
  readonly estimate: EstimateView | null;
  readonly compared: ComparisonView | null;
}

/** @throws Failure protocol */
export function readWhy(doc: unknown): WhyView {
  if (!isRecord(doc) || typeof doc.id !== 'number')
    throw new Failure(EXIT.protocol, 'the server answered something that tells nothing of a job');
  const state = text(doc.primary);
  return {
    id: doc.id,
    // An array of which members run may have others that wait.
    isWaiting: state === 'pending' || doc.position != null || doc.estimate != null,
    state,
    reason: textOrNull(doc.reason),
    impossible: textOrNull(doc.impossible),
    position: readPosition(doc.position),
    estimate: readEstimate(doc.estimate),
    compared: isRecord(doc.compared) ? readComparison(doc.compared) : null,
  };
}

function readPosition(found: unknown): PositionView | null {
  if (!isRecord(found)) return null;
  return {
    from: numberOrNull(found.from),
    to: numberOrNull(found.to),
    of: number(found.of),
    member: numberOrNull(found.member),
    ageMs: number(found.age) * 1_000,
  };
}

function readEstimate(found: unknown): EstimateView | null {
  if (!isRecord(found)) return null;
  const instant = (value: unknown) => (typeof value === 'number' ? value * 1_000 : null);
  const [at, from, to] = [instant(found.date), instant(found.from), instant(found.to)];
  if (found.kind !== 'about' || at === null)
    return { kind: 'unknown', because: text(found.because), from };
  const counts = Object.entries(isRecord(found.basis) ? found.basis : {});
  const basis = Object.fromEntries(counts.map(([name, count]) => [name, number(count)]));
  return { kind: 'about', at, from: from ?? at, to, basis, agents: number(found.agents) };
}

function readComparison(found: Json): ComparisonView {
  return {
    id: number(found.id),
    user: text(found.user),
    project: text(found.project),
    position: readPosition(found.position),
    first: numberOrNull(found.first),
    because: list(found.because).map((cause) => ({
      code: text(cause.code),
      mine: numberOrNull(cause.mine),
      other: numberOrNull(cause.other),
      whose: text(cause.whose),
      terms: list(cause.terms).map((term) => ({
        name: text(term.name),
        mine: number(term.mine),
        other: number(term.other),
      })),
    })),
  };
}

/** `3 of 20`, `between 120,000 and 150,000 of 1,000,000`; empty: nothing is known. */
export function positionWords(position: PositionView | null): string {
  if (position === null) return '';
  const { from, to, of, member, ageMs } = position;
  const asOf = ageMs < 1_000 ? '' : `, as of ${duration(ageMs)} ago`;
  if (from === null || to === null) return `not in line${asOf}`;
  const place = from === to ? count(from) : `between ${count(from)} and ${count(to)}`;
  const next = member === null ? '' : ` (its member ${member})`;
  return `${place} of ${count(of)} in line${next}${asOf}`;
}

/** With thousands marked, whatever the reader's language: `120,000`. */
const count = (value: number): string => value.toLocaleString('en-US');

const UNKNOWN: Readonly<Record<string, string>> = {
  'under-way': 'not told yet: it is being reckoned, ask again in a few seconds',
  'not-in-line': 'cannot be told: the job is not in line now',
  'not-seen-yet': 'not told yet: the job came after the last look, ask again in a few seconds',
  'far-back': 'cannot be told: too many jobs stand before it',
  'no-ends':
    'cannot be told: tasks without a lifespan, and without like jobs that ended, stand in its way',
  'no-place': 'cannot be told: with the agents and limits as they are now it would not start',
  'far-off': 'cannot be told',
};

/** In the reader's time. Never a promise. */
export function estimateWords(estimate: EstimateView | null): string {
  if (estimate === null) return '';
  if (estimate.kind === 'unknown') {
    if (estimate.from !== null) return `not before ${localTime(estimate.from)}`;
    return UNKNOWN[estimate.because] ?? 'cannot be told';
  }
  const { at, from, to } = estimate;
  const until = to === null ? 'or much later' : `to ${localTime(to)}`;
  const range = from === at && to === at ? '' : ` (from ${localTime(from)} ${until})`;
  return `about ${localTime(at)}${range}`;
}

/** What an estimate takes for granted; empty where there is none. */
export function assumptionWords(estimate: EstimateView | null): string {
  if (estimate?.kind !== 'about') return '';
  const { basis, agents } = estimate;
  const parts = [
    ['like', 'like jobs of their users did'],
    ['lifespan', 'their lifespans allow'],
    ['site', 'most jobs of this site do'],
    ['unknown', 'nobody knows how long'],
  ] as const;
  const lengths = parts
    .filter(([name]) => (basis[name] ?? 0) > 0)
    .map(([name, words]) => `${count(basis[name] ?? 0)} as long as ${words}`);
  const taken = lengths.length === 0 ? '' : `, that jobs take their time (${lengths.join(', ')})`;
  return `nothing new is submitted, ${agents === 1 ? '1 agent stays' : `${count(agents)} agents stay`} as now${taken}`;
}

/** Why one stands before the other, a sentence each. */
export function causeWords({ code, mine, other, whose, terms }: CauseView): string {
  const both = `yours ${score(mine)}, the other's ${score(other)}`;
  switch (code) {
    case 'same-account':
      return 'same user, project and queue: those jobs go in order of submission';
    case 'queue-priority':
      return `priority of the queue, the higher goes first: ${both}`;
    case 'group-score':
      return `score of the project or user as a whole, the lower goes first: ${both}`;
    case 'score':
      return [
        `score, the lower goes first: ${both}`,
        ...terms.map((term) => `${term.name} ${score(term.mine)} beside ${score(term.other)}`),
      ].join('; ');
    case 'own-jobs-first':
      return whose === 'mine'
        ? 'before your job stand older ones of the same user, project and queue'
        : 'before the other job stand older ones of the same user, project and queue';
    case 'older':
      return 'alike in all that is compared: the lower number goes first';
    case 'not-shown':
      return "it is another user's job: the site's policy decides, by what each has used and is due";
    default:
      return code;
  }
}

const score = (value: number | null): string =>
  value === null ? '-' : String(Number(value.toPrecision(4)));

const list = (found: unknown): readonly Json[] =>
  Array.isArray(found) ? found.filter(isRecord) : [];
const text = (found: unknown): string => (typeof found === 'string' ? found : '');
const textOrNull = (found: unknown): string | null => (typeof found === 'string' ? found : null);
const numberOrNull = (found: unknown): number | null => (typeof found === 'number' ? found : null);
const number = (found: unknown): number => numberOrNull(found) ?? 0;
