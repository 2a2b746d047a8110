/** What follows for a job when it is known what became of its placing. */
import type { JobId } from '../core/units.js';
import type { Accounting } from './accounting.js';
import type { AgentWatch } from './agent-watch.js';
import type { Arrays } from './arrays.js';
import type { Kills } from './kills.js';
import type { Placed } from './placing.js';
import { announceLaunch, type SchedulerPorts } from './ports.js';
import type { Returns } from './returns.js';
import type { Updates } from './updates.js';

export interface PlacedParts {
  readonly ports: Pick<SchedulerPorts, 'clock' | 'events'>;
  /** Planned, not yet told what became of them. */
  readonly inHand: Set<JobId>;
  readonly agents: AgentWatch;
  readonly updates: Updates;
  readonly arrays: Arrays;
  readonly accounting: Accounting;
  readonly kills: Kills;
  readonly returns: Returns;
  readonly holdChanged: (id: JobId) => void;
}

export function follow(placed: Placed, parts: PlacedParts): void {
  const { inHand, agents, updates, arrays, accounting, kills, returns } = parts;
  agents.arrived('jobId' in placed ? placed.jobId : placed.job.id);
  switch (placed.kind) {
    case 'intended':
      // Updates may be faster than the answer to the launch: from here on the book alone says who holds the job.
      inHand.delete(placed.job.id);
      return;
    case 'launched':
      announceLaunch(parts.ports, placed.job);
      return;
    case 'doubt':
      updates.inDoubt(placed.job);
      return;
    case 'refused':
      updates.neverRan(placed.job, placed.because);
      return;
    case 'moved-on':
      inHand.delete(placed.jobId);
      arrays.left(placed.jobId);
      accounting.limits.dropped(placed.jobId);
      // The kill, or a hold, of its array may be the reason.
      if (placed.job?.parent !== undefined) {
        void kills.act(placed.job.parent);
        parts.holdChanged(placed.job.parent);
      }
      // A kill came before the intent, or another process changed the record: take it as it is now.
      if (placed.job?.state === 'pending' && placed.job.killWanted === null)
        returns.take(placed.job);
      else void kills.act(placed.jobId);
      return;
    case 'postponed':
      inHand.delete(placed.jobId);
      accounting.limits.dropped(placed.jobId);
      arrays.left(placed.jobId);
      returns.later(placed.jobId, placed.afterMs);
      return;
  }
}
