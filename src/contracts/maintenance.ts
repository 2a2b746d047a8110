/** Maintenance of the whole service: no submission is taken and nothing is launched; what runs goes on. It stands in the store. */
import type { Instant, UserId } from '../core/units.js';

export interface Maintenance {
  readonly by: UserId;
  readonly at: Instant;
  /** For users, in the words of the administrator. */
  readonly reason: string;
}

/** There while it lasts. */
export const MAINTENANCE_SETTING = 'maintenance';

/** What was written by whatever version of us. What cannot be read is maintenance all the same: somebody wanted it. */
export function readMaintenance(text: string | undefined): Maintenance | null {
  if (text === undefined) return null;
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    read = null;
  }
  const { by, at, reason } = (read ?? {}) as Partial<Record<string, unknown>>;
  return {
    by: (typeof by === 'string' ? by : '') as UserId,
    at: (typeof at === 'number' ? at : 0) as Instant,
    reason: typeof reason === 'string' ? reason : '',
  };
}
