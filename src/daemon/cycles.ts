/** When cycles run, and on what: when something happened, at most every few milliseconds, never on a sleeping loop. */
import type { Timer } from '../contracts/clock.js';
import {
  CYCLE_EACH_MS_MIN,
  LAUNCHES_PER_CYCLE_MAX,
  SHAPES_PER_CYCLE_MAX,
} from '../contracts/limits.js';
import { type CycleCursor, type CycleInput, type Plan, planCycle } from '../core/cycle.js';
import { firstInLine } from '../core/first-in-line.js';
import type { LiveJob } from '../core/job.js';
import type { PendingQueue } from '../core/queue.js';
import type { Reservation } from '../core/reservation.js';
import type { Instant, JobId } from '../core/units.js';
import type { Accounting } from './accounting.js';
import type { AgentWatch } from './agent-watch.js';
import type { ClusterLink } from './cluster-link.js';
import { GuardedPolicy } from './guarded-policy.js';
import type { JobBook } from './job-book.js';
import type { ObstacleBook } from './obstacle-book.js';
import type { SchedulerOptions, SchedulerPorts } from './ports.js';
import { Preemptions } from './preemptions.js';
import { Reservations } from './reservations.js';
import type { SteadyTime } from './steady-time.js';

/** What a cycle looks at; it changes between cycles only. */
export interface CycleView {
  readonly queue: PendingQueue;
  readonly links: ReadonlyMap<string, ClusterLink>;
  readonly accounting: Accounting;
  readonly agents: Pick<AgentWatch, 'offers'>;
  readonly obstacles: ObstacleBook;
  readonly steady: SteadyTime;
  readonly book: Pick<JobBook, 'live' | 'loads'>;
}

/** What becomes of a cycle's decisions. */
export interface CyclesOwner {
  carryOut(plan: Plan): void;
  /** Nothing may be launched now; whoever ends that says that there is new work. */
  isHalted(): boolean;
  /** The launch is to be stopped for another user's job. */
  preempt(job: LiveJob): Promise<void>;
}

type Options = Pick<SchedulerOptions, 'defaultExecutor' | 'reservationAfterMs' | 'preemption'>;

export class Cycles {
  readonly #ports: SchedulerPorts;
  readonly #options: Options;
  readonly #view: CycleView;
  readonly #owner: CyclesOwner;
  readonly #policy: GuardedPolicy;
  readonly #reservations: Reservations;
  readonly #preemptions: Preemptions | undefined;
  #timer: Timer | undefined;
  #dueTimer: Timer | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;
  #cursor: CycleCursor | null = null;
  #wantsOffers = false;
  #isClosed = false;

  constructor(ports: SchedulerPorts, options: Options, view: CycleView, owner: CyclesOwner) {
    this.#ports = ports;
    this.#policy = new GuardedPolicy(ports.policy, ports);
    this.#options = options;
    this.#view = view;
    const {
      links,
      book: { loads },
    } = view;
    const afterMs = options.reservationAfterMs ?? null;
    this.#reservations = new Reservations({ loads, links, log: ports.log, afterMs });
    this.#owner = owner;
    const { preemption } = options;
    if (preemption !== undefined)
      this.#preemptions = new Preemptions(ports, preemption, {
        queue: view.queue,
        standings: (at) => view.accounting.standingsAt(at),
        inLine: (most) => this.#inLine(most),
        reservations: this.#reservations,
        book: view.book,
        preempt: owner.preempt,
      });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#dueTimer?.cancel();
    this.#preemptions?.close();
  }

  /** Room that is kept for jobs now. */
  get kept(): readonly Reservation[] {
    return this.#reservations.made;
  }

  /** What an administrator should know of the policy, or null. */
  trouble(): string | null {
    return this.#policy.trouble();
  }

  /** A job waits that did not before: what it needs is asked for. */
  newWork(): void {
    this.#wantsOffers = true;
    this.soon();
  }

  /** A job waits no more: the room that was kept for it is others'. True: it stood in the queue. */
  withdraw(id: JobId): boolean {
    const wasThere = this.#view.queue.remove(id);
    if (this.#reservations.isFor(id)) this.soon();
    return wasThere;
  }

  /** Something changed that a cycle may act on. */
  soon(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    const sinceMs = this.#ports.clock.monotonicMs() - this.#lastMs;
    const waitMs = Math.max(0, CYCLE_EACH_MS_MIN - sinceMs);
    this.#timer = this.#ports.timers.after(waitMs, () => {
      this.#timer = undefined;
      this.#run();
    });
  }

  #run(): void {
    const { queue, obstacles, agents, steady } = this.#view;
    const reservations = this.#reservations;
    const startedMs = this.#ports.clock.monotonicMs();
    this.#lastMs = startedMs;
    queue.due(steady.now());
    this.#watchDue();
    if (this.#isClosed) return;
    if (queue.size === 0 || this.#owner.isHalted()) {
      reservations.end([]);
      return;
    }
    this.#preemptions?.wake();
    const links = [...this.#view.links.values()];
    const offers = agents.offers(links.flatMap((link) => [...link.book.all()]));
    const at = this.#ports.clock.now();
    const reserving = reservations.begin(offers, at, startedMs);
    const plan = this.#decide(at, (input) =>
      planCycle({
        ...input,
        offers,
        cursor: this.#cursor,
        ...(reserving === undefined ? {} : { reserving }),
      }),
    );
    reservations.end(plan.reservations);
    const round = { isNew: this.#cursor === null, hasOffers: offers.length > 0 };
    obstacles.note(plan, round);
    this.#cursor = plan.cursor;
    this.#owner.carryOut(plan);
    const tookMs = this.#ports.clock.monotonicMs() - startedMs;
    const launched = plan.launches.length;
    this.#ports.events.emit('cycle:finished', { pending: queue.size, launched, tookMs });
    if (plan.isUnfinished) this.soon();
    else this.#askForOffers(links, launched);
  }

  #inLine(most: number) {
    return this.#decide(this.#ports.clock.now(), (input) => firstInLine(input, most));
  }

  /** By the policy in force, as things stand; no offer is looked at. */
  #decide<T>(at: Instant, how: (input: CycleInput) => T): T {
    const { queue, accounting } = this.#view;
    const input = {
      queue,
      offers: [],
      standings: accounting.standingsAt(at),
      at,
      limits: { launchesMax: LAUNCHES_PER_CYCLE_MAX, shapesMax: SHAPES_PER_CYCLE_MAX },
      defaultExecutor: this.#options.defaultExecutor,
      priorityOf: accounting.limits.priorityOf,
    };
    return this.#policy.decide((policy) =>
      // Counts what a plan places, so each attempt gets its own.
      how({ ...input, policy, allowance: accounting.limits.allowanceAt(at) }),
    );
  }

  /** Jobs still wait and nothing fitted: ask for more, once for each reason to. */
  #askForOffers(links: readonly ClusterLink[], launched: number): void {
    if (this.#view.queue.size === 0) return;
    for (const link of links)
      if (link.isSuppressed || (this.#wantsOffers && launched === 0)) link.want();
    this.#wantsOffers = false;
  }

  #watchDue(): void {
    this.#dueTimer?.cancel();
    const next = this.#view.queue.nextDueAt();
    this.#dueTimer =
      next === null
        ? undefined
        : this.#ports.timers.after(Math.max(1, next - this.#view.steady.now()), () =>
            this.newWork(),
          );
  }
}
