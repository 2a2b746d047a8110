/** Who may lead: where the addresses of masters come from, if not out of the configuration. */
import type { Target } from './subscription.js';

export interface MasterFinder {
  /** `found` hears at once of every change: the masters to try, in order; none: nobody leads now. */
  start(found: (masters: readonly Target[]) => void): void;
  /** Nothing is told from now on. */
  stop(): void;
}
