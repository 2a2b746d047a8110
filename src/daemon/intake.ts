/** How waiting jobs reach the leader: by notice, and by a sweep for those whose notice was lost. */
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import { SWEEP_BACK_MS } from '../contracts/limits.js';
import type { JobStore, PendingQuery, PendingRow } from '../contracts/store.js';
import { type Instant, instant, type JobId } from '../core/units.js';
import { type SchedulerPorts, worldFailed } from './ports.js';

export interface IntakePorts extends Pick<SchedulerPorts, 'log' | 'failed'> {
  readonly store: Pick<JobStore, 'pending'>;
  readonly clock: Clock;
  readonly timers: Timers;
}

export interface IntakeOwner {
  isKnown(id: JobId): boolean;
  add(row: PendingRow): void;
  /** An array; its kill, if one is wanted, is the owner's matter. */
  addArray(row: PendingRow): Promise<void>;
  killWanted(id: JobId): void;
}

/** Rows read at once. */
const ROWS = 5_000;
/** The record is read whole again after this. */
const WHOLE_EACH_MS = 3_600_000;

export class Intake {
  readonly #ports: IntakePorts;
  readonly #owner: IntakeOwner;
  #highest: JobId | null = null;
  /** When the last sweep, or whole reading, began that came to its end. */
  #sweptAt: Instant | undefined;
  #wholeTimer: Timer | undefined;
  #isReading = false;
  #isAskedAgain = false;
  /** Jobs whose notice came, not looked for yet. */
  readonly #noticed = new Set<JobId>();
  #isClosed = false;

  constructor(ports: IntakePorts, owner: IntakeOwner) {
    this.#ports = ports;
    this.#owner = owner;
  }

  close(): void {
    this.#isClosed = true;
    this.#wholeTimer?.cancel();
  }

  /** From now on all there is is read each hour; `read` is told each time. */
  keepReading(read: () => void): void {
    this.#wholeTimer = this.#ports.timers.after(WHOLE_EACH_MS, () => {
      this.readAll()
        .then(read)
        .catch((error: unknown) => worldFailed(this.#ports, 'record not read again', error))
        .finally(() => this.#isClosed || this.keepReading(read));
    });
  }

  /** Reads all there is: at takeover and now and then. @throws ServiceError when the store is away. */
  async readAll(): Promise<void> {
    const at = this.#ports.clock.now();
    this.#highest = await this.#read(null, {});
    this.#sweptAt = at;
  }

  /**
   * Reads the rows above the highest id known, and, since ids are not committed in order, those that were noticed and are
   * not among them. A notice that arrives meanwhile is not lost.
   */
  async takeIn(noticed: readonly JobId[] = []): Promise<void> {
    for (const id of noticed) this.#noticed.add(id);
    if (this.#isReading) {
      this.#isAskedAgain = true;
      return;
    }
    this.#isReading = true;
    try {
      do {
        this.#isAskedAgain = false;
        this.#highest = await this.#read(this.#highest, {});
        await this.#readNoticed(this.#highest);
      } while (this.#isAskedAgain && !this.#isClosed);
    } catch (error) {
      worldFailed(this.#ports, 'pending jobs not read; the next sweep tries again', error);
    } finally {
      this.#isReading = false;
    }
  }

  /**
   * Reads what stands above the highest id known, whatever any clock says; and, since ids are not committed in order,
   * what was submitted since the last sweep and a while before.
   * @throws ServiceError when the store is away.
   */
  async sweep(): Promise<void> {
    await this.takeIn();
    const at = this.#ports.clock.now();
    // A clock that was set back must not leave a gap.
    const since = Math.min(this.#sweptAt ?? at, at);
    await this.#read(null, { submittedSince: instant(since - SWEEP_BACK_MS) });
    this.#sweptAt = at;
  }

  async #readNoticed(highest: JobId | null): Promise<void> {
    // One that is not stored yet will be above.
    const among = [...this.#noticed].filter(
      (id) => highest !== null && id <= highest && !this.#owner.isKnown(id),
    );
    this.#noticed.clear();
    if (among.length > 0) await this.#read(null, { among });
  }

  /** The id of the last row read, or `after`. */
  async #read(
    after: JobId | null,
    which: Pick<PendingQuery, 'submittedSince' | 'among'>,
  ): Promise<JobId | null> {
    for (let last = after; ; ) {
      const rows = await this.#ports.store.pending({ after: last, limit: ROWS, ...which });
      if (this.#isClosed) return last;
      for (const row of rows)
        if (row.array === undefined) this.#take(row);
        else if (!this.#owner.isKnown(row.id)) await this.#owner.addArray(row);
      last = rows.at(-1)?.id ?? last;
      if (rows.length < ROWS) return last;
    }
  }

  #take(row: PendingRow): void {
    if (this.#owner.isKnown(row.id)) return;
    if (row.isKillWanted) this.#owner.killWanted(row.id);
    else this.#owner.add(row);
  }
}
