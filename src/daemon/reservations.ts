/** Keeps room for jobs that others would overtake: remembers between cycles what the core has chosen. */
import { RESERVATION_EACH_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { Offer } from '../core/matching.js';
import type { Reservation, Reserving } from '../core/reservation.js';
import type { AgentId, Instant, JobId } from '../core/units.js';
import type { AgentLoads } from './agent-loads.js';

interface Keeper {
  keep(agents: ReadonlySet<AgentId>): void;
}

export interface ReservationsView {
  readonly loads: AgentLoads;
  readonly links: ReadonlyMap<string, Keeper>;
  readonly log: Log;
  /** A job that has waited for so long may get a reservation; null: none is ever made. */
  readonly afterMs: number | null;
}

export class Reservations {
  readonly #view: ReservationsView;
  #made: readonly Reservation[] = [];
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(view: ReservationsView) {
    this.#view = view;
  }

  /** Those of the last cycle. */
  get made(): readonly Reservation[] {
    return this.#made;
  }

  /** For the next cycle. */
  begin(offers: readonly Offer[], at: Instant, nowMs: number): Reserving | undefined {
    const { afterMs, loads } = this.#view;
    if (afterMs === null) return undefined;
    // Without an offer nobody can be overtaken.
    const mayLook = offers.length > 0 && nowMs - this.#lookedMs >= RESERVATION_EACH_MS;
    if (mayLook) this.#lookedMs = nowMs;
    if (mayLook || this.#made.length > 0) loads.offered(offers, at);
    return {
      afterMs,
      made: this.#made,
      agent: (executor, agentId) => loads.agent(executor, agentId, at),
      agents: mayLook ? () => loads.all(at) : null,
    };
  }

  /** What the cycle decided; nothing waits: nothing. */
  end(made: readonly Reservation[]): void {
    if (made.length === 0 && this.#made.length === 0) return;
    const { links, log } = this.#view;
    for (const { jobId, agentId, executor, startsAt, hasRefused } of made)
      if (hasRefused && !this.#knows(jobId, agentId))
        log.info('room is kept for a job', { jobId, executor, agentId, startsAt });
    this.#made = made;
    for (const [executor, link] of links)
      link.keep(
        new Set(made.filter((one) => one.executor === executor).map(({ agentId }) => agentId)),
      );
  }

  /** Room was made for a job: it takes the place of what its executor kept before. */
  put(one: Reservation): void {
    this.end([...this.#made.filter(({ executor }) => executor !== one.executor), one]);
  }

  /** Whether room is kept for this job: when it leaves, others may start. */
  isFor(id: JobId): boolean {
    return this.#made.some(({ jobId }) => jobId === id);
  }

  #knows(jobId: JobId, agentId: AgentId): boolean {
    return this.#made.some(
      (known) => known.jobId === jobId && known.agentId === agentId && known.hasRefused,
    );
  }
}
