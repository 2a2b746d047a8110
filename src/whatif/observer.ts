/** Looks at a replay at regular instants: how evenly users were served so far, and who holds what. */
import { type Measured, measured } from '../core/measure.js';
import type { PendingQueue } from '../core/queue.js';
import type { Capacity } from '../core/resources.js';
import type { TraceJob } from './trace.js';

export interface Sample {
  readonly atMs: number;
  /** Jobs that wait. */
  readonly waiting: number;
  /**
   * Jain's index over what each user has used so far, over what it would have used if the same total had been shared
   * out evenly among the jobs submitted so far: 1 when all got what they were due. Null: nobody waits.
   */
  readonly fairness: number | null;
  /** Milli-cpus that users hold; who holds none is left out. */
  readonly held: ReadonlyMap<string, number>;
}

interface Account {
  /** Shares of the cluster (of the resource that dominates in each job) times milliseconds: of all jobs so far … */
  submitted: number;
  /** … and of what has run. */
  used: number;
  /** Shares held now. */
  share: number;
  cpuMilli: number;
}

/** Looks over the time in which jobs are submitted. */
const LOOKS = 500;
const STEP_MS_MIN = 1_000;

export class Observer {
  readonly samples: Sample[] = [];
  readonly #queue: PendingQueue;
  readonly #stepMs: number;
  readonly #shareOf: Measured;
  readonly #accounts = new Map<string, Account>();
  #atMs = 0;
  #nextMs: number;

  /** @param lastMs the last submission */
  constructor(queue: PendingQueue, total: Capacity, lastMs: number) {
    this.#queue = queue;
    this.#stepMs = Math.max(STEP_MS_MIN, Math.ceil(lastMs / LOOKS));
    this.#nextMs = this.#stepMs;
    this.#shareOf = measured({ kind: 'dominant' }, total);
  }

  /** Nothing happens before `ms`: the instants until then are looked at. */
  until(ms: number): void {
    for (; this.#nextMs < ms; this.#nextMs += this.#stepMs) {
      this.#moveTo(this.#nextMs);
      this.samples.push(this.#sample());
    }
    this.#moveTo(ms);
  }

  submitted(job: TraceJob): void {
    this.#account(job).submitted += this.#shareOf(job.needs) * job.runMs;
  }

  started(job: TraceJob): void {
    this.#hold(job, 1);
  }

  ended(job: TraceJob): void {
    this.#hold(job, -1);
  }

  #hold(job: TraceJob, sign: 1 | -1): void {
    const account = this.#account(job);
    account.share += sign * this.#shareOf(job.needs);
    account.cpuMilli += sign * job.needs.cpuMilli;
  }

  #moveTo(ms: number): void {
    for (const account of this.#accounts.values())
      account.used += account.share * (ms - this.#atMs);
    this.#atMs = ms;
  }

  #sample(): Sample {
    const accounts = [...this.#accounts.values()];
    const used = accounts.map((account) => account.used);
    const due = evenParts(
      accounts.map(({ submitted }) => submitted),
      used.reduce((sum, one) => sum + one, 0),
    );
    const isContended = this.#queue.size > 0 && accounts.length > 1;
    const held = new Map<string, number>();
    for (const [user, { cpuMilli }] of this.#accounts) if (cpuMilli > 0) held.set(user, cpuMilli);
    return {
      atMs: this.#atMs,
      waiting: this.#queue.size,
      fairness: isContended ? jain(used.map((one, n) => one / (due[n] || 1))) : null,
      held,
    };
  }

  #account({ user }: TraceJob): Account {
    let account = this.#accounts.get(user);
    if (account === undefined) {
      account = { submitted: 0, used: 0, share: 0, cpuMilli: 0 };
      this.#accounts.set(user, account);
    }
    return account;
  }
}

/** Shares out `total` evenly, to nobody more than wanted: what one leaves goes to the others (max-min fairness). */
export function evenParts(wanted: readonly number[], total: number): readonly number[] {
  const parts = wanted.map(() => 0);
  let left = total;
  const order = wanted.map((_, n) => n).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  for (const [n, index] of order.entries()) {
    const part = Math.min(wanted[index] ?? 0, left / (order.length - n));
    parts[index] = part;
    left -= part;
  }
  return parts;
}

/** Jain, Chiu, Hawe 1984: (Σx)² / (n·Σx²), from 1/n to 1; 1 when all are nothing. */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((all, value) => all + value, 0);
  const squares = values.reduce((all, value) => all + value * value, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}
