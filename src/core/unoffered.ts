/**
 * Drained agents of which nothing is offered just now: cycles do not meet them, and still they are why a job waits, if it
 * would fit there.
 */
import type { Demand, Obstacle, Room, Site } from './obstacle.js';
import { drainKey, Tally } from './tally.js';
import type { Instant } from './units.js';

/** `room`: all that the agent has, used or not. */
export interface UnofferedAgent {
  readonly site: Site;
  readonly room: Room;
}

type Drained = Extract<Obstacle, { code: 'drained' }>;

const isDrained = (obstacle: Obstacle): obstacle is Drained => obstacle.code === 'drained';

/** Which drains keep jobs of that demand from agents that would suit them. @param at when a launch would begin */
export function drainsAgainst(
  demand: Demand,
  agents: readonly UnofferedAgent[],
  at: Instant,
): readonly Drained[] {
  const tally = new Tally(demand, at);
  for (const { site, room } of agents) {
    const isSuited = new Tally(demand, at).admits({ ...site, shut: null }, room);
    if (isSuited) tally.admits(site, room);
  }
  return tally.obstacles().filter(isDrained);
}

/** What offers showed, and these: agents of one drain are counted together, before what was found of the others. */
export function withDrains(
  shown: readonly Obstacle[],
  unoffered: readonly Drained[],
  at: Instant,
): readonly Obstacle[] {
  const keyOf = (drained: Drained): string => drainKey(drained, at);
  if (unoffered.length === 0) return shown;
  const known = new Map(shown.filter(isDrained).map((drained) => [keyOf(drained), drained]));
  const sums = unoffered.map((drained) => {
    const other = known.get(keyOf(drained));
    if (other === undefined) return drained;
    const from = other.from < drained.from ? other.from : drained.from;
    return { ...drained, from, agents: other.agents + drained.agents };
  });
  const summed = new Set(sums.map(keyOf));
  return [...sums, ...shown.filter((one) => !isDrained(one) || !summed.has(keyOf(one)))];
}
