/** What web processes tell the leader. A notice may be lost: the leader's sweeps find what it did not hear of. */
import type { JobId } from '../core/units.js';

export interface Notices {
  /** Stored and answered; returns at once and never throws. */
  submitted(ids: readonly JobId[]): void;
  /** A kill was stored; returns at once and never throws. */
  killWanted(id: JobId): void;
  /** A hold or a release was stored; returns at once and never throws. */
  holdChanged(id: JobId): void;
  /** A wish of `contracts/wishes.ts` was stored; returns at once and never throws. */
  wished(): void;
  /** An agent was drained or resumed; returns at once and never throws. */
  agentsChanged(): void;
}

export const NO_NOTICES: Notices = {
  submitted() {},
  killWanted() {},
  holdChanged() {},
  wished() {},
  agentsChanged() {},
};
