/**
 * Does what ended launches have left to be done, for the jobs of this watcher's slots. Every piece is done at least once and may be
 * repeated, by this watcher or another. A job whose work fails is tried again ever later, and holds up no other.
 */
import type { AccountingRecord, AccountingStore } from '../contracts/accounting.js';
import type { Clock, Timers } from '../contracts/clock.js';
import {
  AFTERMATH_AGAIN_MS_MAX,
  AFTERMATH_AGAIN_MS_MIN,
  AFTERMATH_AT_ONCE,
  AFTERMATH_EACH_MS,
} from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { JobStore } from '../contracts/store.js';
import type { JobAftermath, WatchedStore } from '../contracts/watching.js';
import { accountingRecord } from '../core/accounting.js';
import type { Aftermath } from '../core/aftermath.js';
import type { Job } from '../core/job.js';
import type { JobId } from '../core/units.js';
import { Turns } from './turns.js';
import type { WebhookDesk } from './webhook-desk.js';

export interface AftermathPorts {
  readonly store: Pick<AccountingStore, 'account'> &
    Pick<WatchedStore, 'aftermathDue' | 'aftermathDone'> &
    Pick<JobStore, 'jobs'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly failed: (error: unknown) => void;
  /** Slots that are surely ours now. */
  readonly slots: () => readonly number[];
  /** Makes calls of users' services; absent: they are left to watchers that have one. */
  readonly webhooks?: Pick<WebhookDesk, 'isDue' | 'take' | 'forgetAllBut'>;
  /** Told of each record that is new, after it was stored; once at most, and mostly. */
  readonly accounted?: (record: AccountingRecord) => void;
}

interface Done {
  readonly id: JobId;
  readonly names: readonly string[];
}

/** While there is more to be done it rests for so many times as long as it has worked: launches come first. */
const RESTS = 4;

export class AftermathWork {
  readonly #ports: AftermathPorts;
  readonly #turns: Turns;
  /** Jobs whose work failed: when they are tried again, on the monotonic clock. */
  readonly #failing = new Map<JobId, { readonly tries: number; readonly againMs: number }>();
  #after: JobId | null = null;
  #records = 0;

  constructor(ports: AftermathPorts) {
    this.#ports = ports;
    this.#turns = new Turns(ports, {
      work: () => this.#look(),
      away: (error) => ports.log.warn('work after the end not done; tried again', { error }),
      awayMs: AFTERMATH_EACH_MS,
    });
  }

  /** Accounting records that this watcher has added. */
  get records(): number {
    return this.#records;
  }

  start(): void {
    this.#turns.start();
  }

  stop(): Promise<void> {
    return this.#turns.stop();
  }

  async #look(): Promise<number> {
    const { clock } = this.#ports;
    const startedMs = clock.monotonicMs();
    const hasMore = await this.#portion();
    const tookMs = clock.monotonicMs() - startedMs;
    return hasMore ? Math.min(RESTS * tookMs, AFTERMATH_EACH_MS) : AFTERMATH_EACH_MS;
  }

  /** Whether there is more. */
  async #portion(): Promise<boolean> {
    const { store, clock, slots } = this.#ports;
    const query = { slots: slots(), after: this.#after, limit: AFTERMATH_AT_ONCE };
    if (query.slots.length === 0) return false;
    const found = await store.aftermathDue(query);
    const hasMore = found.length === AFTERMATH_AT_ONCE;
    this.#after = hasMore ? (found.at(-1)?.id ?? null) : null;
    if (!hasMore && query.after === null) this.#forgetAllBut(found);
    const nowMs = clock.monotonicMs();
    const due = found
      .filter(({ id }) => (this.#failing.get(id)?.againMs ?? nowMs) <= nowMs)
      .map((one) => ({ ...one, due: this.#now(one) }))
      .filter(({ due: pieces }) => pieces.length > 0);
    if (due.length > 0) await this.#do(due);
    return hasMore;
  }

  /** Without calls that wait for their next try, or are under way. */
  #now({ id, due }: JobAftermath): readonly Aftermath[] {
    const { webhooks } = this.#ports;
    return due.filter((piece) => piece.kind !== 'webhook' || webhooks?.isDue(id, piece) === true);
  }

  async #do(due: readonly JobAftermath[]): Promise<void> {
    const { store, accounted, log } = this.#ports;
    const jobs = await store.jobs(due.map(({ id }) => id));
    const records: AccountingRecord[] = [];
    const done: Done[] = [];
    for (const one of due) {
      const job = jobs.get(one.id);
      for (const piece of one.due)
        if (piece.kind === 'webhook' && job !== undefined) this.#ports.webhooks?.take(job, piece);
      const work = this.#recordsOf(one, job);
      if (work === undefined) continue;
      records.push(...work.records);
      done.push({ id: one.id, names: work.names });
    }
    const fresh = await store.account(records);
    this.#records += fresh.length;
    for (const record of fresh)
      try {
        accounted?.(record);
      } catch (error) {
        log.warn('accounting record not passed on', { jobId: record.jobId, error });
      }
    await store.aftermathDone(done);
    for (const { id } of done) this.#failing.delete(id);
  }

  /** Undefined: it cannot be done now. Pieces of a kind that a newer version knows are left to it. */
  #recordsOf(
    { id, due }: JobAftermath,
    job: Job | undefined,
  ):
    | { readonly records: readonly AccountingRecord[]; readonly names: readonly string[] }
    | undefined {
    const known = due.filter((piece) => piece.kind === 'account');
    const calls = due.filter(({ kind }) => kind === 'webhook');
    if (job === undefined || known.length + calls.length < due.length) {
      const because =
        job === undefined ? 'its record cannot be read' : 'another version has to do it';
      this.#tryLater(id, because);
      if (job === undefined) return undefined;
    }
    if (known.length === 0) return undefined;
    return {
      records: known.map(({ end }) => accountingRecord(job, end)),
      names: known.map(({ name }) => name),
    };
  }

  #tryLater(id: JobId, because: string): void {
    const { clock, log } = this.#ports;
    const tries = this.#failing.get(id)?.tries ?? 0;
    const pauseMs = Math.min(AFTERMATH_AGAIN_MS_MIN * 2 ** tries, AFTERMATH_AGAIN_MS_MAX);
    log.warn('work after the end of a job not done; tried again', { jobId: id, because, pauseMs });
    this.#failing.set(id, { tries: tries + 1, againMs: clock.monotonicMs() + pauseMs });
  }

  /** Another watcher may have done them. */
  #forgetAllBut(found: readonly JobAftermath[]): void {
    this.#ports.webhooks?.forgetAllBut(found);
    if (this.#failing.size === 0) return;
    const still = new Set(found.map(({ id }) => id));
    for (const id of this.#failing.keys()) if (!still.has(id)) this.#failing.delete(id);
  }
}
