/**
 * What users want of a single job that only the leader can do: another launch of one that runs, a change of what was asked. Each stands in the
 * store as a setting of its own until the leader has dealt with it, so it is not lost whatever dies.
 */
import type { JobSpec } from '../core/job.js';
import type { Instant, JobId, UserId } from '../core/units.js';

export const WISH_PREFIX = 'wish.';

export type Wish = {
  readonly id: JobId;
  readonly by: UserId;
  readonly at: Instant;
} & (
  | {
      readonly kind: 'reschedule';
      /** Of this launch, and of no later one. */
      readonly launch: number;
      /** `by` acted for the owner, whose wish it is; absent: the owner is who `by` says, or it is not theirs. */
      readonly isOwners?: true;
    }
  | {
      readonly kind: 'amend';
      /** Of the record that the change was made from: if it is another now, nothing happens. */
      readonly version: number;
      readonly spec: JobSpec;
    }
);

/** One of each kind for a job at a time. */
export const wishSetting = (kind: Wish['kind'], id: JobId): string => `${WISH_PREFIX}${kind}.${id}`;

/** What was written by whatever version of us; undefined: it says nothing to us. */
export function readWish(text: string): Wish | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  const wish = read as Partial<Record<string, unknown>> | null;
  const isNamed =
    Number.isSafeInteger(wish?.id) && typeof wish?.by === 'string' && typeof wish.at === 'number';
  if (!isNamed) return undefined;
  const { kind, launch, version, spec } = wish;
  const isWhole =
    (kind === 'reschedule' && typeof launch === 'number') ||
    (kind === 'amend' && typeof version === 'number' && typeof spec === 'object' && spec !== null);
  return isWhole ? (read as Wish) : undefined;
}
