/**
 * One round: which waiting job goes where. A heap over accounts yields the global order lazily, so a cycle costs
 * what it places and the shapes it meets, not what waits. Nothing is changed: the queue moves when intents are stored.
 */
import type { Allowance, Hold, Refusal } from './allowance.js';
import { ArrayRooms } from './array-rooms.js';
import { assert } from './assert.js';
import { Heap } from './heap.js';
import { type Bin, binsOf, type Offer, Search } from './matching.js';
import { isOpenTo, type Obstacle, reservationOf } from './obstacle.js';
import { AccountOrder } from './order.js';
import { type Head, NO_STANDINGS, type Policy, type Ranking, type Standings } from './policy.js';
import type { AccountQueue, Line, PendingQueue, Shape } from './queue.js';
import type { Reservation, Reservations, Reserving } from './reservation.js';
import { demandOf, keepRoomFor, reservationsOf } from './room-keeping.js';
import type { AgentId, Instant, JobId, OfferId } from './units.js';

/** One job's place. Launches of one bin share its `offerIds`, the very same array, and make one ACCEPT. */
export interface Launch {
  readonly jobId: JobId;
  readonly executor: string;
  readonly agentId: AgentId;
  readonly host: string;
  readonly role: string;
  readonly offerIds: readonly OfferId[];
  /** Host ports, as many as the job needs. */
  readonly ports: readonly number[];
}

/**
 * Where the next cycle goes on after one that met too many shapes. What stands before had no fitting offer a moment
 * ago and gets its turn when the round is through.
 */
export interface CycleCursor {
  /** By account index: the first job not yet looked at. */
  readonly from: ReadonlyMap<number, JobId>;
  /** The offers that the round began with: only later ones are a reason to begin anew at its end. */
  readonly offers: ReadonlySet<OfferId>;
}

export interface Plan {
  /** In the order of the policy. */
  readonly launches: readonly Launch[];
  /**
   * By shape id: why jobs of the shapes for which this cycle found no (further) place still wait. A shape that is
   * missing was not asked for in this cycle; without any offer none is.
   */
  readonly obstacles: ReadonlyMap<number, readonly Obstacle[]>;
  /** Jobs that end here, because a quota is used up. */
  readonly refusals: readonly Refusal[];
  /** Why jobs of some accounts wait whatever is free. */
  readonly holds: readonly Hold[];
  /** A limit stopped the cycle: plan again at once, with `cursor`. */
  readonly isUnfinished: boolean;
  readonly cursor: CycleCursor | null;
  /** Offers that no launch uses, in order of id. */
  readonly idleOffers: readonly OfferId[];
  /** Agents whose room is kept for a job: what the next cycle must be told. */
  readonly reservations: readonly Reservation[];
}

export interface CycleInput {
  readonly queue: PendingQueue;
  readonly offers: readonly Offer[];
  readonly policy: Policy;
  readonly at: Instant;
  readonly limits: {
    readonly launchesMax: number;
    /** Distinct shapes asked for. */
    readonly shapesMax: number;
  };
  /** What users and projects have used; absent: nothing. */
  readonly standings?: Standings;
  /** Runs the jobs that name no executor; null or absent: any may. */
  readonly defaultExecutor?: string | null;
  readonly cursor?: CycleCursor | null;
  /** Absent: no room is kept for jobs that others overtake. */
  readonly reserving?: Reserving;
  /** Limits and quotas; absent: there are none. */
  readonly allowance?: Allowance | undefined;
  /** The priority of a queue of the site, or of none (null); absent: all are alike. */
  readonly priorityOf?: (queue: string | null) => number;
}

/** Steps over lines without a place that a cycle takes, for each shape it may ask for: accounts share shapes. */
const STEPS_PER_SHAPE = 20;

/** The same queue, offers, standings and instant give the same plan, in whatever order they are listed. */
export function planCycle(input: CycleInput): Plan {
  const bins = binsOf(input.offers);
  if (bins.length === 0) return { ...IDLE, reservations: input.reserving?.made ?? [] };
  const reservations = reservationsOf(input, bins);
  const matcher = new Matcher(bins, input, reservations);
  const { walks, order, ranking } = lineUp(input);
  const rooms = new ArrayRooms(input.queue);
  const launches: Launch[] = [];
  const gate = new Gate(input);
  let stepsLeft = STEPS_PER_SHAPE * input.limits.shapesMax;
  let stoppedBy: 'launches' | 'shapes' | null = null;

  for (let walk = order.peek(); walk !== undefined; walk = order.peek()) {
    const { shape } = walk.line;
    if (launches.length + gate.refusals.length >= input.limits.launchesMax) stoppedBy = 'launches';
    else if (stepsLeft <= 0 || !matcher.mayAsk(shape, walk)) stoppedBy = 'shapes';
    if (stoppedBy !== null) break;

    const { id } = walk.head;
    const fullTo = rooms.fullTo(id);
    const verdict = fullTo === undefined ? gate.admits(walk) : 'array-held';
    const bin = verdict === 'go' ? matcher.binFor(shape, walk) : undefined;
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
    if (walk.isOver) order.pop();
    else {
      walk.score = scoreOf(ranking, walk);
      order.settleTop();
    }
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

/** One account's way through its own jobs: oldest first, lines without a place left out. */
class Walk {
  readonly account: AccountQueue;
  readonly index: number;
  readonly priority: number;
  readonly #queue: PendingQueue;
  /** Heads of lines from here on were not looked at. */
  #from: JobId;
  /** Lines of which jobs were placed, at their next job. */
  readonly #begun = new Heap<{ readonly id: JobId; readonly line: Line }>((a, b) => a.id < b.id);
  #line: Line | undefined;
  head: Head = { id: 0 as JobId, submittedAt: 0 as Instant };
  score = 0;

  constructor(
    account: AccountQueue,
    place: { readonly index: number; readonly priority: number },
    queue: PendingQueue,
    from: JobId,
  ) {
    this.account = account;
    this.index = place.index;
    this.priority = place.priority;
    this.#queue = queue;
    this.#from = from;
    this.#next();
  }

  get isOver(): boolean {
    return this.#line === undefined;
  }

  /** The line of `head`. */
  get line(): Line {
    assert(this.#line !== undefined, 'a walk that is over is asked nothing');
    return this.#line;
  }

  /** What a later cycle of this round need not look at again stands before this. */
  get resumeFrom(): JobId {
    return this.isOver ? this.#from : this.head.id;
  }

  /** The head was placed, or nothing up to `last` may be: its line goes on behind. */
  passTo(last: JobId): void {
    const { line } = this;
    const id = line.atLeast((last + 1) as JobId);
    if (id !== undefined) this.#begun.push({ id, line });
    this.#next();
  }

  /** No place for this line in this cycle. */
  passLine(): void {
    this.#next();
  }

  /** Nothing of this account gets a place in this cycle. */
  passAll(): void {
    this.#line = undefined;
  }

  #next(): void {
    const fresh = this.account.headAtLeast(this.#from);
    const begun = this.#begun.peek();
    let id = fresh;
    if (begun !== undefined && (fresh === undefined || begun.id < fresh)) {
      this.#begun.pop();
      id = begun.id;
      this.#line = begun.line;
    } else if (fresh !== undefined) {
      this.#from = (fresh + 1) as JobId;
      this.#line = this.#queue.lineOf(fresh);
    } else this.#line = undefined;
    if (id !== undefined)
      this.head = { id, submittedAt: this.#queue.submittedAt(id) ?? (0 as Instant) };
  }
}

/** Stands the accounts in line. */
function lineUp({ queue, policy, standings, at, cursor, priorityOf }: CycleInput): {
  readonly walks: readonly Walk[];
  readonly order: AccountOrder<Walk>;
  readonly ranking: Ranking;
} {
  const walks: Walk[] = [];
  for (const account of queue.accounts()) {
    const from = cursor?.from.get(account.index) ?? (0 as JobId);
    const place = { index: walks.length, priority: priorityOf?.(account.queue) ?? 0 };
    const walk = new Walk(account, place, queue, from);
    if (!walk.isOver) walks.push(walk);
  }
  const views = walks.map(({ account: { user, project, newestAt }, head }) => ({
    user,
    project,
    newestAt,
    head,
  }));
  const ranking = policy.begin(views, standings ?? NO_STANDINGS, at);
  for (const walk of walks) walk.score = scoreOf(ranking, walk);
  return { walks, order: new AccountOrder(walks, ranking.groups), ranking };
}

function scoreOf(ranking: Ranking, { index, head }: Walk): number {
  const score = ranking.score(index, head);
  assert(Number.isFinite(score), 'a policy gives finite scores');
  return score;
}

/** Holds the cycle to limits and quotas, and remembers what it said. */
class Gate {
  readonly refusals: Refusal[] = [];
  readonly holds: Hold[] = [];
  readonly #allowance: Allowance | undefined;
  readonly #defaultExecutor: string | null;

  constructor({ allowance, defaultExecutor }: CycleInput) {
    this.#allowance = allowance;
    this.#defaultExecutor = defaultExecutor ?? null;
  }

  /** Whether the head may have a place; if not, whether it ends, or who else need not be asked. */
  admits({
    account,
    line: { shape },
    head,
  }: Walk): 'go' | 'refused' | 'line-held' | 'account-held' {
    const no = this.#allowance?.denial(account, this.#claim(shape));
    if (no == null) return 'go';
    if (no.kind === 'refuse') {
      this.refusals.push({ jobId: head.id, because: no.because });
      return 'refused';
    }
    const { obstacle, isForAll } = no;
    const { index, user, project, queue } = account;
    const held = isForAll ? null : shape;
    this.holds.push({ account: index, user, project, queue, shape: held, obstacle });
    return isForAll ? 'account-held' : 'line-held';
  }

  placed({ account, line: { shape } }: Walk): void {
    this.#allowance?.taken(account, this.#claim(shape));
  }

  #claim({ needs, executor }: Shape) {
    return { needs, executor: executor ?? this.#defaultExecutor };
  }
}

/** Asks the bins for each shape, and remembers the answers for the cycle. */
class Matcher {
  readonly #bins: readonly Bin[];
  /** By shape; where some agents are reserved, by shape and rights. */
  readonly #searches = new Map<number | string, { readonly shapeId: number; search: Search }>();
  readonly #input: CycleInput;
  /** The different reservations of the agents offered; mostly none. */
  readonly #reservations: readonly string[];
  readonly #rights = new Map<AccountQueue, string>();

  readonly #room: Reservations;

  constructor(bins: readonly Bin[], input: CycleInput, room: Reservations) {
    this.#bins = bins;
    this.#input = input;
    this.#room = room;
    this.#reservations = [...new Set(bins.map(reservationOf))].filter((one) => one !== null);
  }

  /** Whether the question is known or there is room for another. */
  mayAsk(shape: Shape, walk: Walk): boolean {
    const isKnown = this.#searches.has(this.#question(shape, walk));
    return isKnown || this.#searches.size < this.#input.limits.shapesMax;
  }

  binFor(shape: Shape, walk: Walk): Bin | undefined {
    const question = this.#question(shape, walk);
    let known = this.#searches.get(question);
    if (known === undefined) {
      const own = this.#room.of(walk.head.id);
      const demand = { ...demandOf(shape, this.#input, walk.account), own };
      known = { shapeId: shape.id, search: new Search(demand, this.#bins, this.#input.at) };
      this.#searches.set(question, known);
    }
    return known.search.next();
  }

  /** Accounts that may use the same agents share the answers; a job for which room is kept asks for itself. */
  #question({ id }: Shape, { account, head }: Walk): number | string {
    if (this.#room.of(head.id) !== null) return `${id} of ${head.id}`;
    if (this.#reservations.length === 0) return id;
    let rights = this.#rights.get(account);
    if (rights === undefined) {
      rights = this.#reservations.map((one) => (isOpenTo(account, one) ? '1' : '0')).join('');
      this.#rights.set(account, rights);
    }
    return `${id} ${rights}`;
  }

  /** Of accounts with different rights, those with the fewest tell of their obstacles. */
  obstacles(): ReadonlyMap<number, readonly Obstacle[]> {
    const found = new Map<number, readonly Obstacle[]>();
    for (const { shapeId, search } of this.#searches.values()) {
      if (!search.isOver) continue;
      const obstacles = search.obstacles();
      const known = found.get(shapeId);
      if (known === undefined || reservedIn(known) < reservedIn(obstacles))
        found.set(shapeId, obstacles);
    }
    return found;
  }
}

const reservedIn = (obstacles: readonly Obstacle[]): number =>
  obstacles.reduce((sum, one) => sum + (one.code === 'reserved' ? one.agents : 0), 0);

function cursorOf(walks: readonly Walk[], { cursor, offers }: CycleInput): CycleCursor {
  const from = new Map(cursor?.from);
  for (const walk of walks) from.set(walk.account.index, walk.resumeFrom);
  return { from, offers: cursor?.offers ?? new Set(offers.map(({ id }) => id)) };
}

/** A round ends: what stood before its cursor has not met the offers that came meanwhile. */
const hasNewOffers = ({ cursor, offers }: CycleInput): boolean =>
  cursor != null && offers.some(({ id }) => !cursor.offers.has(id));
