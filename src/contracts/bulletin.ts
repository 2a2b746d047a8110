/**
 * What the leader tells the web processes about itself, in the store: a small document that says how it stands. It
 * decides nothing; without one, jobs are accepted all the same and wait.
 */
import type { Claimant } from '../core/allowance.js';
import type { AgentShape, Obstacle } from '../core/obstacle.js';

/** Why jobs of an account wait whatever is free; `shapeKey` null: whatever their shape. */
export interface HoldNote extends Claimant {
  readonly shapeKey: string | null;
  readonly obstacle: Obstacle;
}

export interface Bulletin {
  /** Of the term that wrote it: one of another epoch is old news. */
  readonly epoch: number;
  readonly isReady: boolean;
  /** Sentences for an administrator. */
  readonly trouble: readonly string[];
  /** The same, of what is no reason not to be ready; absent: told by a version that knew none. */
  readonly warnings?: readonly string[];
  /** Kinds of agents; null while the cluster has not told. */
  readonly inventory: readonly AgentShape[] | null;
  /** Why jobs wait, by the key of their shape; at most `BULLETIN_SHAPES_MAX`. */
  readonly waiting: readonly (readonly [shapeKey: string, obstacles: readonly Obstacle[]])[];
  /** At most `BULLETIN_SHAPES_MAX`; absent: told by a version that knew none. */
  readonly holds?: readonly HoldNote[];
}

/** The setting of the store that holds it. */
export const BULLETIN_SETTING = 'leader.bulletin';

/** What was written by whatever version of us, or undefined: then it tells nothing. */
export function readBulletin(text: string): Bulletin | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  const bulletin = found as Partial<Bulletin> | null;
  const isWhole =
    typeof bulletin?.epoch === 'number' &&
    typeof bulletin.isReady === 'boolean' &&
    Array.isArray(bulletin.trouble) &&
    Array.isArray(bulletin.waiting) &&
    (bulletin.warnings === undefined || Array.isArray(bulletin.warnings)) &&
    (bulletin.holds === undefined || Array.isArray(bulletin.holds)) &&
    (bulletin.inventory === null || Array.isArray(bulletin.inventory));
  return isWhole ? (bulletin as Bulletin) : undefined;
}
