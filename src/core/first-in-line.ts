/** Who would be placed next if there were room: the order of a cycle, without its offers. */
import { ArrayRooms } from './array-rooms.js';
import { CycleGate } from './cycle-gate.js';
import type { CycleInput } from './plan.js';
import type { TenantDemand } from './reservation.js';
import { demandOf } from './room-keeping.js';
import type { Instant, JobId } from './units.js';
import { lineUp, settleFirst } from './walk.js';

export interface InLine {
  readonly jobId: JobId;
  readonly submittedAt: Instant;
  readonly demand: TenantDemand;
}

/** The first jobs in the order of the policy that no limit holds, one of each account and shape; at most `most`. */
export function firstInLine(input: CycleInput, most: number): readonly InLine[] {
  const linedUp = lineUp(input);
  const { order } = linedUp;
  const rooms = new ArrayRooms(input.queue);
  const gate = new CycleGate(input);
  const found: InLine[] = [];
  for (let walk = order.peek(); walk !== undefined && found.length < most; walk = order.peek()) {
    const { id, submittedAt } = walk.head;
    const fullTo = rooms.fullTo(id);
    const verdict = fullTo === undefined ? gate.admits(walk) : 'array-held';
    if (verdict === 'account-held') walk.passAll();
    else if (verdict === 'refused') walk.passTo(id);
    else if (fullTo !== undefined) walk.passTo(fullTo);
    else {
      const demand = demandOf(walk.line.shape, input, walk.account);
      if (verdict === 'go') found.push({ jobId: id, submittedAt, demand });
      walk.passLine();
    }
    settleFirst(walk, linedUp);
  }
  return found;
}
