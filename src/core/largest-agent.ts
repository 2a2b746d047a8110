/** How much memory a job's next launch may be granted so that some agent can still run it. */
import type { AgentShape, Demand } from './obstacle.js';
import { portCount } from './resources.js';
import { Tally } from './tally.js';

/**
 * Memory of the largest agent that suits the demand in all else, used or not, in megabytes; null when nothing is known
 * of any agent, or none suits.
 */
export function largestMemMb(demand: Demand, inventory: readonly AgentShape[]): number | null {
  let most: number | null = null;
  const tally = new Tally({ ...demand, needs: { ...demand.needs, memMb: 0 } });
  for (const { executor, host, attributes, total } of inventory) {
    const site = {
      executor: executor ?? demand.executor ?? '',
      host: host ?? null,
      attributes,
      unavailableFrom: null,
    };
    if (tally.admits(site, { ...total, portsFree: portCount(total.ports) }))
      most = Math.max(most ?? 0, total.memMb);
  }
  return most;
}
