/** How watchers divide the jobs among them: by slots of the job id, each held by one watcher at a time. */
import type { JobId } from './units.js';

/** Many more than watchers, so that shares are about equal; few enough to be looked at all the time. */
export const SLOTS = 64;

export const slotOf = (id: JobId): number => id % SLOTS;

export interface SlotView {
  readonly slot: number;
  /** Null: nobody's, or somebody's who is gone. */
  readonly holder: string | null;
}

/** What one watcher does about its share: gives back what is too much, takes what is nobody's up to what is due. */
export interface SlotPlan {
  readonly take: readonly number[];
  readonly give: readonly number[];
}

/**
 * The fair share of one watcher. All that see the same plan the same division, so that nobody takes what another is to have; who
 * sees things differently for a moment is set right in the next turn.
 * @param watchers those that live, this one among them, in any order
 * @param slots every slot
 */
export function planSlots(
  me: string,
  watchers: readonly string[],
  slots: readonly SlotView[],
): SlotPlan {
  const order = [...new Set([...watchers, me])].sort();
  const part = Math.floor(slots.length / order.length);
  const isLarger = order.indexOf(me) < slots.length % order.length;
  const due = part + (isLarger ? 1 : 0);
  const mine = slots.filter(({ holder }) => holder === me).map(({ slot }) => slot);
  if (mine.length > due) return { take: [], give: mine.slice(due) };
  const free = slots.filter(({ holder }) => holder === null).map(({ slot }) => slot);
  // Where several would take, each begins at a place of its own, so that they seldom reach for the same.
  const from = Math.floor((order.indexOf(me) * free.length) / order.length);
  const turned = [...free.slice(from), ...free.slice(0, from)];
  return { take: turned.slice(0, due - mine.length), give: [] };
}
