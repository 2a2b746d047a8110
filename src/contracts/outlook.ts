/**
 * Where waiting jobs stand and when they would start, as the leader sees it. Computed when somebody asks, told with its
 * age. In the same process it is a function call; else web processes ask through a setting of the store and read the
 * answer in another.
 */
import type { ForesightEnd } from '../core/foresight.js';
import type { Basis } from '../core/lifetimes.js';
import type { Surveyed } from '../core/survey.js';
import type { Instant, JobId } from '../core/units.js';

/** Seconds after `Foreseen.at`, for three suppositions of how long tasks take; null: not seen to start. */
export type ForeseenStart = readonly [
  id: JobId,
  likely: number | null,
  early: number | null,
  late: number | null,
];

export interface Foreseen {
  /** The present that it was played on from. */
  readonly at: Instant;
  readonly starts: readonly ForeseenStart[];
  /** Why the likely course ended, and where. */
  readonly end: ForesightEnd;
  readonly until: Instant;
  /** Tasks and jobs in it by what their length stands on. */
  readonly bases: Readonly<Record<Basis, number>>;
  /** Agents that were known. */
  readonly agents: number;
}

export interface OutlookFacts {
  /** The question that was answered last, in another process. */
  readonly answers?: string;
  readonly survey: Surveyed;
  /** Null: still being played. */
  readonly foreseen: Foreseen | null;
}

/** The setting of the store that holds the latest. */
export const OUTLOOK_SETTING = 'leader.outlook';
/** Any new text there asks the leader for a newer one. */
export const OUTLOOK_ASKED_SETTING = 'outlook.asked';

/** What was written by whatever version of us, or undefined: then nothing is known. */
export function readOutlook(text: string | undefined): OutlookFacts | undefined {
  if (text === undefined) return undefined;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { survey, foreseen } = (found ?? {}) as Partial<OutlookFacts>;
  const isWhole =
    typeof survey?.at === 'number' &&
    [survey.first, survey.accounts, survey.marks].every(Array.isArray) &&
    (foreseen === null || (typeof foreseen?.at === 'number' && Array.isArray(foreseen.starts)));
  return isWhole ? (found as OutlookFacts) : undefined;
}
