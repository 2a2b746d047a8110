/**
 * Now and then: if a job has waited long whose user is far below their share, jobs of users far above theirs are stopped
 * for it. The mark is stored before the kill goes out, and the room is kept for the job that was to gain.
 */
import type { Timer } from '../contracts/clock.js';
import type { InLine } from '../core/first-in-line.js';
import { isPreempted, type LiveJob, stoppedAt } from '../core/job.js';
import type { Bundle } from '../core/measure.js';
import { PRIO_USUAL, type Standings } from '../core/policy.js';
import {
  PREEMPTIONS_PER_JOB_MAX,
  type Preemption,
  type PreemptionOptions,
  type PreemptionView,
  preemptionFor,
  type Runner,
} from '../core/preemption.js';
import type { PendingQueue } from '../core/queue.js';
import type { Reservation } from '../core/reservation.js';
import { NOTHING } from '../core/resources.js';
import { needsOf } from '../core/retry.js';
import type { Instant, JobId, UserId } from '../core/units.js';
import type { JobBook } from './job-book.js';
import type { SchedulerPorts } from './ports.js';
import type { Reservations } from './reservations.js';

/** Jobs for which a round looks for room: those behind them wait for the next. */
const LOOKED_AT_MAX = 10;

export interface PreemptionsOwner {
  readonly queue: PendingQueue;
  readonly standings: (at: Instant) => Standings;
  /** Those whom a cycle would place first. */
  inLine(most: number): readonly InLine[];
  readonly reservations: Reservations;
  readonly book: Pick<JobBook, 'live' | 'loads'>;
  /** The launch is to be stopped; settles when the record says so, or could not be written. Never rejects. */
  preempt(job: LiveJob): Promise<void>;
}

export class Preemptions {
  readonly #ports: Pick<SchedulerPorts, 'timers' | 'clock' | 'log' | 'events' | 'failed'>;
  readonly #options: PreemptionOptions;
  readonly #owner: PreemptionsOwner;
  #timer: Timer | undefined;
  #isClosed = false;
  /** What was decided last is not in the record yet. */
  #isActing = false;

  constructor(
    ports: Pick<SchedulerPorts, 'timers' | 'clock' | 'log' | 'events' | 'failed'>,
    options: PreemptionOptions,
    owner: PreemptionsOwner,
  ) {
    this.#ports = ports;
    this.#options = options;
    this.#owner = owner;
  }

  /** Something waits: looks are taken until nothing does. */
  wake(): void {
    if (this.#timer === undefined && !this.#isClosed) this.#later();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #later(): void {
    this.#timer = this.#ports.timers.after(this.#options.eachMs, () => {
      this.#timer = undefined;
      try {
        this.look();
      } catch (error) {
        this.#ports.failed(error);
      }
      if (this.#owner.queue.size > 0) this.wake();
    });
  }

  /** One round. */
  look(): void {
    if (this.#isActing) return;
    const at = this.#ports.clock.now();
    const { afterMs } = this.#options;
    const waiting = this.#owner
      .inLine(LOOKED_AT_MAX)
      .filter(({ submittedAt }) => at - submittedAt >= afterMs);
    if (waiting.length === 0) return;
    const view = this.#view(at);
    const { made } = this.#owner.reservations;
    for (const one of waiting) {
      const {
        tenant: { user },
      } = one.demand;
      const others = made.filter(({ jobId }) => jobId !== one.jobId);
      const notOn = new Set(others.map(({ executor }) => executor));
      const found = preemptionFor({ user, demand: one.demand, notOn }, view, this.#options);
      if (found === undefined || found.stops.length === 0) continue;
      // For one job at a look: what others hold afterwards is known at the next.
      this.#carryOut(one, found, at);
      return;
    }
  }

  #carryOut({ jobId, demand }: InLine, { load, stops }: Preemption, at: Instant): void {
    const { executor, agentId } = load;
    this.#ports.log.info('jobs are stopped for one whose user is far below their share', {
      jobId,
      executor,
      agentId,
      stopped: stops,
    });
    const room: Reservation = {
      ...{ jobId, executor, agentId, tenant: demand.tenant },
      ...{ startsAt: at, hasRefused: true },
    };
    this.#owner.reservations.put(room);
    const stopped = new Set(stops);
    const jobs = [...this.#owner.book.live()].filter(({ id }) => stopped.has(id));
    this.#isActing = true;
    void Promise.all(jobs.map((job) => this.#owner.preempt(job))).finally(() => {
      this.#isActing = false;
    });
  }

  #view(at: Instant): PreemptionView {
    const standings = this.#owner.standings(at);
    const users = new Map<UserId, { held: Bundle; prio: number }>();
    const userOf = (id: UserId) => {
      const known = users.get(id);
      if (known !== undefined) return known;
      const fresh = { held: NOTHING as Bundle, prio: standings.user(id)?.prio ?? PRIO_USUAL };
      users.set(id, fresh);
      return fresh;
    };
    for (const { user } of this.#owner.queue.accounts()) userOf(user);
    const runners = new Map<JobId, Runner>();
    for (const job of this.#owner.book.live()) {
      const runner = runnerOf(job);
      runners.set(job.id, runner);
      if (runner.isLeaving) continue;
      const { cpuMilli, memMb, gpus } = runner.needs;
      const one = userOf(job.owner);
      one.held = {
        cpuMilli: one.held.cpuMilli + cpuMilli,
        memMb: one.held.memMb + memMb,
        gpus: one.held.gpus + gpus,
      };
    }
    const loads = [...this.#owner.book.loads.all(at)];
    return { loads, users, at, runner: (id) => runners.get(id) };
  }
}

/** A job without relaunches must not run twice, so it is left alone; so is one that has not begun, or is cut off. */
function runnerOf(job: LiveJob): Runner {
  const { owner: user, placement, spec, faults } = job;
  const isLeaving = job.state === 'killing' || stoppedAt(placement) !== undefined;
  const mayBeStopped =
    job.state === 'running' &&
    job.killWanted === null &&
    spec.systemRetriesMax > 0 &&
    faults.filter(isPreempted).length < PREEMPTIONS_PER_JOB_MAX;
  const startedAt = job.state === 'running' ? job.startedAt : placement.placedAt;
  return { user, needs: needsOf(job), startedAt, isLeaving, mayBeStopped };
}
