/**
 * Carries out what a cycle planned: job directories first, then the intents, then the command to the cluster. Nothing
 * is launched whose intent is not stored.
 */

import type { Clock } from '../contracts/clock.js';
import type { LaunchBatch } from '../contracts/cluster.js';
import { DIRECTORIES_AT_ONCE_MAX } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { FileStorage } from '../contracts/storage.js';
import type { JobStore } from '../contracts/store.js';
import type { Launch } from '../core/cycle.js';
import type { Job, LaunchingJob, Placement } from '../core/job.js';
import { type JobId, type OfferId, taskIdOf } from '../core/units.js';
import type { Accounting } from './accounting.js';
import type { ClusterLink } from './cluster-link.js';
import { Gate } from './gate.js';
import type { JobBook } from './job-book.js';
import { directoryOrder, type TaskMode, taskOrder } from './task-order.js';

export interface PlacingPorts {
  readonly store: Pick<JobStore, 'jobs' | 'scripts'>;
  readonly storage: FileStorage;
  readonly clock: Clock;
  readonly log: Log;
}

export interface PlacingOptions {
  readonly installation: string;
  readonly modeOf: (executor: string) => TaskMode;
}

/** What became of one planned launch. */
export type Placed =
  | { readonly kind: 'launched'; readonly job: LaunchingJob }
  /** The cluster surely did not take it. */
  | { readonly kind: 'refused'; readonly job: LaunchingJob }
  /** No answer from the cluster: in doubt until an update or a reconciliation tells. */
  | { readonly kind: 'doubt'; readonly job: LaunchingJob }
  /** The record has moved on (killed, removed): nothing was launched. */
  | { readonly kind: 'moved-on'; readonly jobId: JobId; readonly job: Job | undefined }
  /** Something of ours failed before the intent: nothing was stored or launched; try later. */
  | { readonly kind: 'postponed'; readonly jobId: JobId; readonly because: string };

/** Launches that share one agent, one role and therefore one ACCEPT. */
export interface Bin {
  readonly link: ClusterLink;
  readonly offerIds: readonly OfferId[];
  readonly launches: readonly Launch[];
}

export class Placing {
  readonly #ports: PlacingPorts;
  readonly #options: PlacingOptions;
  readonly #book: JobBook;
  readonly #accounting: Accounting;
  readonly #directories = new Gate(DIRECTORIES_AT_ONCE_MAX);
  #isClosed = false;

  constructor(ports: PlacingPorts, options: PlacingOptions, book: JobBook, accounting: Accounting) {
    this.#accounting = accounting;
    this.#ports = ports;
    this.#options = options;
    this.#book = book;
  }

  /** Leadership is over: what is not launched yet never will be. */
  close(): void {
    this.#isClosed = true;
  }

  /** Carries out one cycle's bins side by side; tells what became of each launch as soon as it is known. */
  async carryOut(bins: readonly Bin[], tell: (placed: Placed) => void): Promise<void> {
    const ids = bins.flatMap((bin) => bin.launches.map((launch) => launch.jobId));
    let records: ReadonlyMap<JobId, Job>;
    let scripts: ReadonlyMap<JobId, string>;
    try {
      [records, scripts] = await Promise.all([
        this.#ports.store.jobs(ids),
        this.#ports.store.scripts(ids),
      ]);
    } catch (error) {
      const because = (error as Error).message;
      for (const bin of bins) {
        bin.link.cluster.decline(bin.offerIds, 0);
        for (const { jobId } of bin.launches) tell({ kind: 'postponed', jobId, because });
      }
      return;
    }
    await Promise.all(bins.map((bin) => this.#carryOutBin(bin, { records, scripts }, tell)));
  }

  async #carryOutBin(
    bin: Bin,
    read: { records: ReadonlyMap<JobId, Job>; scripts: ReadonlyMap<JobId, string> },
    tell: (placed: Placed) => void,
  ): Promise<void> {
    const intents = await Promise.all(
      bin.launches.map(async (launch) => {
        const job = read.records.get(launch.jobId);
        const script = read.scripts.get(launch.jobId);
        if (job === undefined || script === undefined) {
          tell({ kind: 'moved-on', jobId: launch.jobId, job });
          return undefined;
        }
        return this.#intend(launch, job, script, tell);
      }),
    );
    const stored = intents.filter((job) => job !== undefined);
    if (this.#isClosed) return;
    if (stored.length === 0) {
      bin.link.cluster.decline(bin.offerIds, 0);
      return;
    }
    const role = bin.launches[0]?.role ?? '*';
    const mode = this.#options.modeOf(bin.link.cluster.name);
    const context = { mode, role, installation: this.#options.installation };
    const batch: LaunchBatch = {
      offerIds: bin.offerIds,
      orders: stored.map((job) => taskOrder(job, context)),
    };
    const [answer = 'doubt'] = await bin.link.cluster.launch([batch]);
    const kind = answer === 'sent' ? 'launched' : answer;
    for (const job of stored) tell({ kind, job });
  }

  /** Directory, then intent. Undefined: told already, nothing to launch. */
  async #intend(
    launch: Launch,
    job: Job,
    script: string,
    tell: (placed: Placed) => void,
  ): Promise<LaunchingJob | undefined> {
    const launchNumber = job.launches + 1;
    const mode = this.#options.modeOf(launch.executor);
    let directory: string;
    try {
      directory = await this.#directories.pass(() =>
        this.#ports.storage.prepare(directoryOrder(job, script, { launch: launchNumber, mode })),
      );
    } catch (error) {
      const because = (error as Error).message;
      this.#ports.log.error('job directory not made', { jobId: job.id, because });
      tell({ kind: 'postponed', jobId: job.id, because });
      return undefined;
    }
    const placement: Placement = {
      taskId: taskIdOf(job.id, launchNumber),
      executor: launch.executor,
      agentId: launch.agentId,
      host: launch.host,
      placedAt: this.#ports.clock.now(),
      ports: launch.ports,
    };
    const applied = await this.#book.apply(job.id, { kind: 'placed', placement, directory }, job);
    if (applied.kind === 'moved' && applied.job.state === 'launching') {
      this.#accounting.charge(applied.job);
      return applied.job;
    }
    tell({
      kind: 'moved-on',
      jobId: job.id,
      job: applied.kind === 'refused' ? applied.job : undefined,
    });
    return undefined;
  }
}
