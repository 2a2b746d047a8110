/**
 * One round: which waiting job goes where. A heap over accounts yields the global order lazily, so a cycle costs
 * what it places and the shapes it meets, not what waits. Nothing is changed: the queue moves when intents are stored.
 */
import { ArrayRooms } from './array-rooms.js';
import { CycleGate } from './cycle-gate.js';
import { Matcher } from './matcher.js';
import { type Bin, binsOf } from './matching.js';
import type { CycleInput, Launch, Plan } from './plan.js';
import type { Shape } from './queue.js';
import { keepRoomFor, reservationsOf } from './room-keeping.js';
import type { JobId } from './units.js';
import { cursorOf, hasNewOffers, lineUp, settleFirst } from './walk.js';

export type { CycleCursor, CycleInput, Launch, Plan } from './plan.js';

/** Steps over lines without a place that a cycle takes, for each shape it may ask for: accounts share shapes. */
const STEPS_PER_SHAPE = 20;

/** The same queue, offers, standings and instant give the same plan, in whatever order they are listed. */
export function planCycle(input: CycleInput): Plan {
  const bins = binsOf(input.offers);
  if (bins.length === 0) return { ...IDLE, reservations: input.reserving?.made ?? [] };
  const reservations = reservationsOf(input, bins);
  const matcher = new Matcher(bins, input, reservations);
  const linedUp = lineUp(input);
  const { walks, order, ranking } = linedUp;
  const rooms = new ArrayRooms(input.queue);
  const launches: Launch[] = [];
  const gate = new CycleGate(input);
  let stepsLeft = STEPS_PER_SHAPE * input.limits.shapesMax;
  let stoppedBy: 'launches' | 'shapes' | null = null;

  for (let walk = order.peek(); walk !== undefined; walk = order.peek()) {
    const { shape } = walk.line;
    const question = matcher.question(shape, walk);
    if (launches.length + gate.refusals.length >= input.limits.launchesMax) stoppedBy = 'launches';
    else if (stepsLeft <= 0 || !matcher.mayAsk(question)) stoppedBy = 'shapes';
    if (stoppedBy !== null) break;

    const { id } = walk.head;
    const fullTo = rooms.fullTo(id);
    const verdict = fullTo === undefined ? gate.admits(walk) : 'array-held';
    const bin = verdict === 'go' ? matcher.binFor(question, shape, walk) : undefined;
    if (verdict === 'array-held') reservations.releaseJob(id);
    else if (verdict !== 'go') reservations.release(walk.account);
    if (verdict === 'refused') walk.passTo(id);
    else if (verdict === 'account-held') walk.passAll();
    else if (fullTo !== undefined) {
      stepsLeft--;
      walk.passTo(fullTo);
    } else if (bin === undefined) {
      stepsLeft--;
      if (verdict === 'go') keepRoomFor(walk, shape, { reservations, input });
      walk.passLine();
    } else {
      launches.push(launchOf(id, bin, shape));
      reservations.placed(id, bin, shape);
      rooms.placed(id);
      gate.placed(walk);
      ranking.charged(walk.index, shape.needs);
      walk.passTo(id);
    }
    settleFirst(walk, linedUp);
  }
  return {
    launches,
    obstacles: matcher.obstacles(),
    refusals: gate.refusals,
    holds: gate.holds,
    isUnfinished: stoppedBy !== null || hasNewOffers(input),
    cursor: stoppedBy === 'shapes' ? cursorOf(walks, input) : null,
    idleOffers: bins
      .filter((bin) => !bin.isUsed)
      .flatMap((bin) => bin.offerIds)
      .sort(),
    reservations: reservations.made(),
  };
}

const IDLE: Plan = {
  launches: [],
  obstacles: new Map(),
  refusals: [],
  holds: [],
  isUnfinished: false,
  cursor: null,
  idleOffers: [],
  reservations: [],
};

/** A launch's task will be named after the job; the rest is the bin's. */
function launchOf(jobId: JobId, bin: Bin, { needs }: Shape): Launch {
  const { executor, agentId, host, role, offerIds } = bin;
  return { jobId, executor, agentId, host, role, offerIds, ports: bin.take(needs) };
}
