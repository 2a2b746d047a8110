/**
 * Which running jobs may be stopped for one that waits, as in Cook's rebalancer: those of users far above their share,
 * in favour of a user far below, on one agent where the job then surely fits. What is measured is what users hold now,
 * by dominant share, in relation to what they are due among those who hold or wait for something.
 */
import { type Bundle, type Measured, measured } from './measure.js';
import type { Demand, Room } from './obstacle.js';
import { PRIO_USUAL } from './policy.js';
import { type AgentLoad, type AgentTask, changed, holds } from './reservation.js';
import { type Needs, NOTHING } from './resources.js';
import { Tally } from './tally.js';
import type { Instant, JobId, UserId } from './units.js';

export interface PreemptionRules {
  /** Nobody is brought below so many times the share that is due: 1 is the share itself. */
  readonly protectedShare: number;
  /** In shares: so far above the one who gains the one who loses still is afterwards. */
  readonly differenceMin: number;
  /** Jobs stopped in one round. */
  readonly stopsMax: number;
}

/** How a site lets jobs be stopped for others. */
export interface PreemptionOptions extends PreemptionRules {
  /** Between two looks. */
  readonly eachMs: number;
  /** A job must have waited for so long before others are stopped for it. */
  readonly afterMs: number;
}

/** A job is not stopped for others more often than this. */
export const PREEMPTIONS_PER_JOB_MAX = 3;

/** What must be known of a job that runs. */
export interface Runner {
  readonly user: UserId;
  readonly needs: Needs;
  readonly startedAt: Instant;
  /** It is stopped already: its room will be free. */
  readonly isLeaving: boolean;
  /** False: it must not be launched again, or was stopped often enough. */
  readonly mayBeStopped: boolean;
}

/** The cluster as a round finds it. */
export interface PreemptionView {
  /** All agents. */
  readonly loads: readonly AgentLoad[];
  /** Undefined: not ours to stop, for it has not begun or is being ended. */
  runner(id: JobId): Runner | undefined;
  /** Of everybody who holds or waits for something; absent: nothing held, usual priority. */
  readonly users: ReadonlyMap<UserId, { readonly held: Bundle; readonly prio: number }>;
  readonly at: Instant;
}

/** The job in whose favour others would be stopped. */
export interface Winner {
  readonly user: UserId;
  readonly demand: Demand;
  /** Executors that keep room for another job. */
  readonly notOn: ReadonlySet<string>;
}

/** Where it goes, and who leaves: nobody, if the room will be free without. */
export interface Preemption {
  readonly load: AgentLoad;
  readonly stops: readonly JobId[];
}

/** The agent where least work is lost; undefined: on none the rules let it fit. */
export function preemptionFor(
  winner: Winner,
  view: PreemptionView,
  rules: PreemptionRules,
): Preemption | undefined {
  const levels = new Levels(view);
  // Whoever has their share already gains nothing at others' cost.
  if (levels.of(winner.user) >= 1) return undefined;
  const leastAbove = Math.max(
    rules.protectedShare,
    levels.after(winner.user, winner.demand.needs, 1) + rules.differenceMin,
  );
  let best: (Preemption & { readonly lost: number }) | undefined;
  for (const load of view.loads) {
    if (winner.notOn.has(load.executor)) continue;
    if (!new Tally(winner.demand, view.at).admits(load, load.total)) continue;
    const stops = stopsOn(load, { winner, view, levels, leastAbove });
    if (stops === undefined || stops.length > rules.stopsMax) continue;
    const one = { load, stops: stops.map(({ jobId }) => jobId), lost: lostBy(stops, levels, view) };
    if (best === undefined || isBetter(one, best)) best = one;
  }
  return best;
}

function isBetter(
  one: Preemption & { readonly lost: number },
  other: Preemption & { readonly lost: number },
): boolean {
  if (one.lost !== other.lost) return one.lost < other.lost;
  if (one.stops.length !== other.stops.length) return one.stops.length < other.stops.length;
  if (one.load.agentId !== other.load.agentId) return one.load.agentId < other.load.agentId;
  return one.load.executor < other.load.executor;
}

interface Question {
  readonly winner: Winner;
  readonly view: PreemptionView;
  readonly levels: Levels;
  /** Nobody may fall below this level. */
  readonly leastAbove: number;
}

interface Stop {
  readonly jobId: JobId;
  readonly runner: Runner;
}

/**
 * The jobs to be stopped on one agent: of the users furthest above first, those that began last first; and of these
 * only such without which it would not fit.
 */
function stopsOn(load: AgentLoad, question: Question): readonly Stop[] | undefined {
  const { winner, view, levels, leastAbove } = question;
  const { needs } = winner.demand;
  const runners = new Map(
    load.tasks.flatMap(({ jobId }) => {
      const runner = view.runner(jobId);
      return runner === undefined ? [] : [[jobId, runner] as const];
    }),
  );
  let free = freeOn(load, (task) => runners.get(task.jobId)?.isLeaving === true);
  const candidates = [...runners]
    .map(([jobId, runner]) => ({ jobId, runner }))
    .filter(({ runner: { user, mayBeStopped, isLeaving } }) => {
      return mayBeStopped && !isLeaving && user !== winner.user;
    })
    .sort(
      (a, b) =>
        levels.of(b.runner.user) - levels.of(a.runner.user) ||
        b.runner.startedAt - a.runner.startedAt ||
        b.jobId - a.jobId,
    );
  const taken: Stop[] = [];
  const left = new Map<UserId, Needs[]>();
  for (const stop of candidates) {
    if (holds(free, needs)) break;
    const { user, needs: own } = stop.runner;
    const all = [...(left.get(user) ?? []), own];
    if (levels.without(user, all) < leastAbove) continue;
    left.set(user, all);
    taken.push(stop);
    free = changed(free, own, 1);
  }
  return holds(free, needs) ? pruned(taken, free, needs) : undefined;
}

/** Leaves out those without whom the room is enough: of a small and a large job the large one may do alone. */
function pruned(taken: readonly Stop[], free: Room, needs: Needs): readonly Stop[] {
  let room = free;
  return taken.filter(({ runner }) => {
    const without = changed(room, runner.needs, -1);
    if (!holds(without, needs)) return true;
    room = without;
    return false;
  });
}

const freeOn = ({ total, tasks }: AgentLoad, isLeaving: (task: AgentTask) => boolean): Room =>
  tasks
    .filter((task) => !isLeaving(task))
    .reduce((room, { needs }) => changed(room, needs, -1), total);

/** Shares of the cluster times milliseconds that were for nothing. */
const lostBy = (stops: readonly Stop[], levels: Levels, { at }: PreemptionView): number =>
  stops.reduce(
    (sum, { runner }) => sum + levels.share(runner.needs) * Math.max(0, at - runner.startedAt),
    0,
  );

/** How far above or below their share users are: 1 is the share. */
class Levels {
  readonly share: Measured;
  readonly #users: PreemptionView['users'];
  readonly #prios: number;

  constructor({ loads, users }: PreemptionView) {
    const whole = loads.reduce<Bundle>((sum, { total }) => moved(sum, total, 1), NOTHING);
    this.share = measured({ kind: 'dominant' }, { ...NOTHING, ...whole });
    this.#users = users;
    this.#prios = [...users.values()].reduce((sum, { prio }) => sum + prio, 0);
  }

  of(user: UserId): number {
    return this.#level(user, this.#held(user));
  }

  /** With some needs more (1) or less (-1). */
  after(user: UserId, needs: Needs, sign: 1 | -1): number {
    return this.#level(user, moved(this.#held(user), needs, sign));
  }

  without(user: UserId, all: readonly Needs[]): number {
    return this.#level(
      user,
      all.reduce<Bundle>((held, needs) => moved(held, needs, -1), this.#held(user)),
    );
  }

  #held(user: UserId): Bundle {
    return this.#users.get(user)?.held ?? NOTHING;
  }

  /** Who is due nothing is above its share with anything. */
  #level(user: UserId, held: Bundle): number {
    const prio = this.#users.get(user)?.prio ?? PRIO_USUAL;
    const due = this.#prios === 0 ? 0 : prio / this.#prios;
    const share = this.share(held);
    if (share <= 0) return 0;
    return due === 0 ? Number.POSITIVE_INFINITY : share / due;
  }
}

const moved = (held: Bundle, { cpuMilli, memMb, gpus }: Bundle, sign: 1 | -1): Bundle => ({
  cpuMilli: held.cpuMilli + sign * cpuMilli,
  memMb: held.memMb + sign * memMb,
  gpus: held.gpus + sign * gpus,
});
