/** The jobs that run in this watcher's slots. Only those whose version has changed are read anew. */
import type { Clock } from '../contracts/clock.js';
import { WATCHED_JOBS_AT_ONCE } from '../contracts/limits.js';
import type { JobStore } from '../contracts/store.js';
import type { RunningVersion, WatchedStore } from '../contracts/watching.js';
import type { RunningJob } from '../core/job.js';
import type { JobId } from '../core/units.js';

export interface RunningJobsPorts {
  readonly store: Pick<WatchedStore, 'running'> & Pick<JobStore, 'jobs'>;
  readonly clock: Clock;
  readonly slots: () => readonly number[];
}

export class RunningJobs {
  readonly #ports: RunningJobsPorts;
  readonly #freshMs: number;
  #known: ReadonlyMap<JobId, RunningJob> = new Map();
  #reading: { readonly sinceMs: number; readonly done: Promise<void> } | undefined;

  /** @param freshMs what was read so recently is not read again */
  constructor(ports: RunningJobsPorts, freshMs: number) {
    this.#ports = ports;
    this.#freshMs = freshMs;
  }

  /** How many they were when they were read last. */
  get size(): number {
    return this.#known.size;
  }

  /** In order of id. @throws ServiceError when the store is away */
  async now(): Promise<readonly RunningJob[]> {
    const nowMs = this.#ports.clock.monotonicMs();
    if (this.#reading === undefined || nowMs - this.#reading.sinceMs >= this.#freshMs) {
      const reading = { sinceMs: nowMs, done: this.#read() };
      this.#reading = reading;
      reading.done.catch(() => {
        if (this.#reading === reading) this.#reading = undefined;
      });
    }
    await this.#reading.done;
    return [...this.#known.values()];
  }

  async #read(): Promise<void> {
    const { store } = this.#ports;
    const next = new Map<JobId, RunningJob>();
    for await (const portion of this.#portions()) {
      const changed = portion.filter(({ id, version }) => this.#known.get(id)?.version !== version);
      const read = changed.length === 0 ? undefined : await store.jobs(changed.map(({ id }) => id));
      for (const { id, version } of portion) {
        const known = this.#known.get(id);
        const job = known?.version === version ? known : read?.get(id);
        if (job?.state === 'running') next.set(id, job);
      }
    }
    this.#known = next;
  }

  async *#portions(): AsyncGenerator<readonly RunningVersion[]> {
    const { store, slots } = this.#ports;
    const mine = slots();
    if (mine.length === 0) return;
    for (let after: JobId | null = null; ; ) {
      const query = { slots: mine, after, limit: WATCHED_JOBS_AT_ONCE };
      const portion: readonly RunningVersion[] = await store.running(query);
      yield portion;
      const last = portion.at(-1);
      if (last === undefined || portion.length < WATCHED_JOBS_AT_ONCE) return;
      after = last.id;
    }
  }
}
