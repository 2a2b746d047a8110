/**
 * Carries out what a cycle planned: job directories first, then the intents, then the command to the cluster. Nothing
 * is launched whose intent is not stored.
 */

import type { Clock } from '../contracts/clock.js';
import type { LaunchBatch } from '../contracts/cluster.js';
import { ServiceError } from '../contracts/errors.js';
import { DIRECTORIES_AT_ONCE_MAX } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { FileStorage } from '../contracts/storage.js';
import type { JobStore } from '../contracts/store.js';
import { assert } from '../core/assert.js';
import type { Launch } from '../core/cycle.js';
import type { Job, LaunchingJob, Placement } from '../core/job.js';
import { type JobId, type OfferId, taskIdOf } from '../core/units.js';
import type { Accounting } from './accounting.js';
import type { ClusterLink } from './cluster-link.js';
import { Gate } from './gate.js';
import type { JobBook } from './job-book.js';
import type { Strays } from './strays.js';
import {
  type ContainerRules,
  directoryOrder,
  type TaskMode,
  taskOrder,
  USUAL_CONTAINERS,
} from './task-order.js';

export interface PlacingPorts {
  readonly store: Pick<JobStore, 'jobs' | 'scripts'>;
  readonly storage: FileStorage;
  readonly clock: Clock;
  readonly log: Log;
  /** Looks for the file with a job's own credentials for registries; absent: none is used. */
  readonly credentials?: (job: Job) => Promise<string | null>;
}

export interface PlacingOptions {
  readonly installation: string;
  readonly modeOf: (executor: string) => TaskMode;
  /** Absent: as where a site decides nothing. */
  readonly containers?: ContainerRules;
}

/** What became of one planned launch. */
export type Placed =
  /** The intent is stored: from now on the book holds the job. One of the next three follows. */
  | { readonly kind: 'intended'; readonly job: LaunchingJob }
  | { readonly kind: 'launched'; readonly job: LaunchingJob }
  /** The cluster surely did not take it. */
  | { readonly kind: 'refused'; readonly job: LaunchingJob; readonly because: string }
  /** No answer from the cluster: in doubt until an update or a reconciliation tells. */
  | { readonly kind: 'doubt'; readonly job: LaunchingJob }
  /** The record has moved on (killed, removed): nothing was launched. */
  | { readonly kind: 'moved-on'; readonly jobId: JobId; readonly job: Job | undefined }
  /** Something of ours failed before the intent, or must end first: nothing was stored or launched; try again after. */
  | {
      readonly kind: 'postponed';
      readonly jobId: JobId;
      readonly because: string;
      readonly afterMs: number;
    };

/** A launch that failed on our side (directory, store) is tried again after this. */
const POSTPONED_MS = 5_000;
/** A launch in whose way a task is may wait for days. */
const IN_THE_WAY_MS = 15_000;

/** Launches that share one agent, one role and therefore one ACCEPT. */
export interface Bin {
  readonly link: ClusterLink;
  readonly offerIds: readonly OfferId[];
  readonly launches: readonly Launch[];
}

/** Puts together what shares its offers. */
export function binsOf(
  launches: readonly Launch[],
  links: ReadonlyMap<string, ClusterLink>,
): readonly Bin[] {
  const bins = new Map<OfferId, { readonly bin: Bin; readonly launches: Launch[] }>();
  for (const launch of launches) {
    const [first] = launch.offerIds;
    const link = links.get(launch.executor);
    assert(first !== undefined && link !== undefined, 'a launch uses offers that a link holds');
    const known = bins.get(first);
    if (known !== undefined) {
      known.launches.push(launch);
      continue;
    }
    const own = [launch];
    bins.set(first, { bin: { link, offerIds: launch.offerIds, launches: own }, launches: own });
  }
  return [...bins.values()].map(({ bin }) => bin);
}

export class Placing {
  readonly #ports: PlacingPorts;
  readonly #options: PlacingOptions;
  readonly #book: JobBook;
  readonly #accounting: Accounting;
  readonly #strays: Strays;
  readonly #directories = new Gate(DIRECTORIES_AT_ONCE_MAX);
  #isClosed = false;

  constructor(
    ports: PlacingPorts,
    options: PlacingOptions,
    {
      book,
      accounting,
      strays,
    }: { readonly book: JobBook; readonly accounting: Accounting; readonly strays: Strays },
  ) {
    this.#accounting = accounting;
    this.#ports = ports;
    this.#options = options;
    this.#book = book;
    this.#strays = strays;
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
      if (!(error instanceof ServiceError)) throw error;
      const because = error.message;
      if (this.#isClosed) return;
      for (const bin of bins) {
        bin.link.cluster.decline(bin.offerIds, 0);
        for (const { jobId } of bin.launches)
          tell({ kind: 'postponed', jobId, because, afterMs: POSTPONED_MS });
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
    const credentials = new Map<JobId, string>();
    const intents = await Promise.all(
      bin.launches.map(async (launch) => {
        const job = read.records.get(launch.jobId);
        const script = read.scripts.get(launch.jobId);
        if (job === undefined || script === undefined) {
          tell({ kind: 'moved-on', jobId: launch.jobId, job });
          return undefined;
        }
        const file = (await this.#ports.credentials?.(job)) ?? null;
        if (file !== null) credentials.set(job.id, file);
        return this.#intend(launch, job, script, tell);
      }),
    );
    if (this.#isClosed) return;
    const stored = this.#stillWanted(
      intents.filter((job) => job !== undefined),
      tell,
    );
    if (stored.length === 0) {
      bin.link.cluster.decline(bin.offerIds, 0);
      return;
    }
    const role = bin.launches[0]?.role ?? '*';
    const mode = this.#options.modeOf(bin.link.cluster.name);
    const { installation, containers = USUAL_CONTAINERS } = this.#options;
    const context = { mode, role, installation, containers };
    const batch: LaunchBatch = {
      offerIds: bin.offerIds,
      orders: stored.map((job) =>
        taskOrder(job, { ...context, credentialsFile: credentials.get(job.id) ?? null }),
      ),
    };
    const [answer = 'doubt'] = await bin.link.cluster.launch([batch]);
    for (const job of stored)
      if (answer === 'refused')
        tell({ kind: 'refused', job, because: 'the cluster refused the launch' });
      else tell({ kind: answer === 'sent' ? 'launched' : 'doubt', job });
  }

  /**
   * An intent may have waited for the directories of others in its ACCEPT. A kill that came meanwhile, or a cluster
   * that was asked and did not know the task, has settled the launch: sent now, it would run beside its successor.
   */
  #stillWanted(stored: readonly LaunchingJob[], tell: (placed: Placed) => void): LaunchingJob[] {
    return stored.filter((job) => {
      const now = this.#book.get(job.id);
      const isWanted = now?.state === 'launching' && now.placement.taskId === job.placement.taskId;
      if (!isWanted) tell({ kind: 'refused', job, because: 'settled before it was sent' });
      return isWanted;
    });
  }

  /** Directory, then intent. Undefined: told already, nothing to launch. */
  async #intend(
    launch: Launch,
    job: Job,
    script: string,
    tell: (placed: Placed) => void,
  ): Promise<LaunchingJob | undefined> {
    if (job.state !== 'pending') {
      tell({ kind: 'moved-on', jobId: job.id, job });
      return undefined;
    }
    const inTheWay = this.#strays.inTheWayOf(job);
    if (inTheWay !== undefined) {
      const because = `${inTheWay} runs, a launch that the record has forgotten`;
      this.#ports.log.warn('not launched beside a task of the same job', {
        jobId: job.id,
        taskId: inTheWay,
      });
      tell({ kind: 'postponed', jobId: job.id, because, afterMs: IN_THE_WAY_MS });
      return undefined;
    }
    const launchNumber = this.#strays.nextLaunch(job);
    const mode = this.#options.modeOf(launch.executor);
    let directory: string;
    try {
      directory = await this.#directories.pass(() =>
        this.#ports.storage.prepare(directoryOrder(job, script, { launch: launchNumber, mode })),
      );
    } catch (error) {
      const because = (error as Error).message;
      this.#ports.log.error('job directory not made', { jobId: job.id, because });
      tell({ kind: 'postponed', jobId: job.id, because, afterMs: POSTPONED_MS });
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
      tell({ kind: 'intended', job: applied.job });
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
