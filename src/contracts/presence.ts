/**
 * Which processes of ours are alive, as far as they say so themselves. It is shown to administrators and watched by
 * monitoring; it is never a lease, and nothing is decided by it.
 */
import type { Instant } from '../core/units.js';

/** What a process does; `up` does everything. */
export const PROCESS_ROLES = ['up', 'web', 'scheduler', 'watcher'] as const;
export type ProcessRole = (typeof PROCESS_ROLES)[number];

/** How a process introduces itself. */
export interface ProcessCard {
  /** One word for one process among all of an installation, the same as long as it runs. */
  readonly name: string;
  readonly role: ProcessRole;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: Instant;
  /** Where it answers `/healthz` and `/metrics`; null: nowhere. */
  readonly url: string | null;
}

/** A process that was heard of. */
export interface ProcessSeen extends ProcessCard {
  readonly seenAt: Instant;
}

/** A process says that it lives each so often, */
export const PRESENCE_BEAT_MS = 5_000;
/** and whoever was silent for as long is forgotten by itself. */
export const PRESENCE_LASTS_MS = 20_000;

/** Where processes tell of themselves. Any call may reject: nobody but the one who asks waits for it. */
export interface Presence {
  beat(card: ProcessCard): Promise<void>;
  /** Those heard of within `PRESENCE_LASTS_MS`. */
  present(): Promise<readonly ProcessSeen[]>;
  /** An orderly stop: forgotten at once. */
  leave(name: string): Promise<void>;
}
