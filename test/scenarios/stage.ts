/**
 * Where scenarios play: a scheduler daemon that can be killed and started again, a store, a job directory and a master
 * that outlive it, and a clock that the scenario moves.
 */
import type { AgentFacts } from '../../src/contracts/agents.js';
import type { ToldTask } from '../../src/contracts/cluster.js';
import { Events } from '../../src/contracts/events.js';
import type { Log } from '../../src/contracts/log.js';
import type { FileStorage } from '../../src/contracts/storage.js';
import type { LimitRules } from '../../src/core/limit-book.js';
import { ADVANCE_MS, fifo } from '../../src/core/policy.js';
import type { PreemptionOptions } from '../../src/core/preemption.js';
import { type JobId, jobId, type TaskId, taskIdOf } from '../../src/core/units.js';
import type { OrphanPolicy } from '../../src/daemon/orphans.js';
import { SchedulerDaemon } from '../../src/daemon/scheduler.js';
import { FakeTime } from '../support/fake-time.js';
import { MemoryRecord, MemoryStore, type StoreMethod, storeAway } from '../support/memory-store.js';
import { FakeCluster } from './fake-cluster.js';
import { FakeMaster } from './fake-master.js';

export const INSTALLATION = 'installation-1';
const NEVER = new Promise<never>(() => {});

/** One life of the daemon's process. */
class Incarnation {
  isDead = false;
  isPaused = false;
  /** What the rest of the world did to a paused process. */
  #missed: (() => void)[] = [];
  readonly daemon: SchedulerDaemon;
  readonly #stage: Stage;

  constructor(stage: Stage, number: number, isAlone: boolean) {
    this.#stage = stage;
    const { time, master, record } = stage;
    const timers = {
      after: (ms: number, call: () => void) => {
        let isCancelled = false;
        const timer = time.after(ms, () => this.meets(() => isCancelled || call()));
        const cancel = () => {
          isCancelled = true;
          timer.cancel();
        };
        return { cancel };
      },
      soon: (call: () => void) => time.soon(() => this.meets(call)),
    };
    const store = new MemoryStore(record, {
      before: (method) => this.#around('before', method),
      after: (method) => this.#around('after', method),
    });
    this.daemon = new SchedulerDaemon(
      {
        store,
        storage: stage.storage(this),
        policy: fifo,
        events: stage.events,
        installation: INSTALLATION,
        ...(stage.agents === null
          ? {}
          : { inventory: async () => ({ shapes: null, agents: stage.agents ?? [] }) }),
        ...(stage.master.hidesLabels ? { task: stage.taskPage } : {}),
        failed: (error) => stage.failures.push(error),
        clock: time,
        timers,
        log: stage.log,
      },
      {
        installation: INSTALLATION,
        holder: `daemon-${number}`,
        isAlone,
        defaultExecutor: 'mesos',
        usage: { kind: 'window', days: 1 },
        advanceMs: ADVANCE_MS,
        skipsFailedNodes: stage.skipsFailedNodes,
        ...(stage.limits === undefined ? {} : { limits: stage.limits }),
        setsAgentsAside: stage.setsAgentsAside,
        reservationAfterMs: stage.reservationAfterMs,
        orphanPolicy: stage.orphanPolicy,
        preemption: stage.preemption,
        modeOf: () => 'process',
      },
      () => [new FakeCluster(master, time, this)],
    );
  }

  /** A point that the process passes: the scenario may end, or stop, it there. */
  reaches(point: string): void {
    if (this.isDead) return;
    if (this.#stage.pausePoint === point) {
      this.#stage.pausePoint = undefined;
      this.pause();
    }
    if (this.#stage.crashPoint !== point) return;
    this.#stage.crashPoint = undefined;
    this.isDead = true;
  }

  /** Something reaches the process: at once, when it goes on, or never. */
  meets(call: () => void): void {
    if (this.isDead) return;
    if (this.isPaused) this.#missed.push(call);
    else call();
  }

  /** As SIGSTOP does. */
  pause(): void {
    this.isPaused = true;
  }

  /** As SIGCONT does: all that happened meanwhile is met at once, in order. */
  goOn(): void {
    this.isPaused = false;
    for (const call of this.#missed.splice(0)) this.meets(call);
  }

  async #around(when: 'before' | 'after', method: StoreMethod): Promise<void> {
    this.reaches(`${when} ${method}`);
    if (this.isDead) return NEVER;
    if (when === 'before') this.#stage.called(method);
    await this.#stage.trouble[when]?.(method);
    if (this.isPaused) await new Promise<void>((go) => this.meets(go));
    return this.isDead ? NEVER : undefined;
  }
}

const STOP_MOMENT_MS = 100;
const STOP_MOMENTS_MAX = 100;

export class Stage {
  readonly time = new FakeTime();
  readonly record = new MemoryRecord();
  readonly master = new FakeMaster(this.time, this.record);
  /** What users do goes through a handle without trouble. */
  readonly web = new MemoryStore(this.record);
  readonly events = new Events();
  readonly failures: unknown[] = [];
  readonly lines: string[] = [];
  /** Of processes that start from now on. */
  skipsFailedNodes = false;
  /** The same. */
  setsAgentsAside = false;
  /** The same. */
  reservationAfterMs = 600_000;
  /** Read when a daemon starts; undefined: none. */
  limits: Omit<LimitRules, 'advanceMs'> | undefined;
  /** Read when a daemon starts; undefined: nobody is stopped for others. */
  preemption: PreemptionOptions | undefined;
  /** Read when a daemon starts. */
  orphanPolicy: OrphanPolicy = { orphans: 'kill', killsMax: 100 };
  /** What the cluster tells of its agents; read when a daemon starts, null: nothing. */
  agents: readonly AgentFacts[] | null = null;
  isPageAway = false;
  /** The page answers when this is settled. */
  pageGate: Promise<void> = Promise.resolve();
  readonly names = new Map<string, JobId>();
  /** Launches that the scenario has seen so far, by job. */
  readonly seenLaunches = new Map<string, number>();
  readonly seenKills = new Map<string, number>();
  trouble: {
    before?: ((method: StoreMethod) => void | Promise<void>) | undefined;
    after?: ((method: StoreMethod) => void | Promise<void>) | undefined;
  } = {};
  /** Where the process dies next: `before advance`, `after accept` … */
  crashPoint: string | undefined;
  /** Where the process stops next, until `goOn`. */
  pausePoint: string | undefined;
  /** Directories that cannot be made now. */
  readonly badDirectories = new Set<JobId>();
  /** Directories whose making waits until they are taken out, and `hurry` is called. */
  readonly slowDirectories = new Set<JobId>();
  readonly #slow: (() => void)[] = [];
  /** Directories that were made, or tried. */
  readonly prepared: JobId[] = [];
  readonly exitFiles = new Map<string, string>();
  /** Bytes that the directory of a job takes; -1: it cannot be measured. Undefined: the storage does not measure. Read when a daemon starts. */
  sizes: Map<JobId, number> | undefined;
  /** Jobs whose end was told to listeners. */
  readonly ended: JobId[] = [];
  readonly #attempts = new Map<StoreMethod, number>();
  #incarnations = 0;
  #running: Incarnation | undefined;
  #former: Incarnation | undefined;

  constructor() {
    this.events.on('job:ended', ({ jobId }) => this.ended.push(jobId));
  }

  /** How often the daemon called the store so. */
  attempts(method: StoreMethod): number {
    return this.#attempts.get(method) ?? 0;
  }

  called(method: StoreMethod): void {
    this.#attempts.set(method, this.attempts(method) + 1);
  }

  get daemon(): SchedulerDaemon | undefined {
    return this.#running?.isDead === false ? this.#running.daemon : undefined;
  }

  start(isAlone = true): void {
    this.#incarnations += 1;
    this.#former = this.#running;
    this.#running = new Incarnation(this, this.#incarnations, isAlone);
    this.#running.daemon.start();
  }

  crash(): void {
    if (this.#running !== undefined) this.#running.isDead = true;
    this.crashPoint = undefined;
  }

  pause(): void {
    this.#running?.pause();
  }

  /** The daemon before the present one wakes up. */
  formerGoesOn(): void {
    this.#former?.goOn();
  }

  get former(): SchedulerDaemon | undefined {
    return this.#former?.isDead === false ? this.#former.daemon : undefined;
  }

  /** As SIGTERM does. Takes as long as store and cluster do; a process that dies meanwhile never finishes it. */
  async stop(): Promise<void> {
    let isStopped = false;
    const stopped = Promise.all([this.daemon?.stop(), this.former?.stop()]).then(() => {
      isStopped = true;
    });
    for (let n = 0; n < STOP_MOMENTS_MAX && !isStopped; n++) await this.time.pass(STOP_MOMENT_MS);
    const hasDied = this.daemon === undefined;
    if (!hasDied) await stopped;
  }

  readonly log: Log = {
    debug: () => {},
    info: (message) => void this.lines.push(message),
    warn: (message, facts) => void this.lines.push(`${message} ${textOf(facts)}`),
    error: (message, facts) => void this.lines.push(`${message} ${textOf(facts)}`),
    with: () => this.log,
  };

  /** What the page of the master tells of a task; null while it does not answer. */
  readonly taskPage = async (_executor: string, id: TaskId): Promise<ToldTask | null> => {
    await this.pageGate;
    return this.isPageAway ? null : { labels: this.master.tasks.get(id)?.labels ?? {} };
  };

  storage(process: { readonly isDead: boolean }): FileStorage {
    return {
      prepare: async ({ id, inArray }) => {
        while (this.slowDirectories.has(id)) await new Promise<void>((go) => this.#slow.push(go));
        if (process.isDead) return NEVER;
        this.prepared.push(id);
        if (this.badDirectories.has(id)) throw new Error('no space left on device');
        return inArray === undefined ? `/shared/${id}` : `/shared/${inArray.array}/${inArray.name}`;
      },
      ...this.#measuring(process),
      exitFile: async (directory, launch) =>
        process.isDead ? NEVER : this.exitFiles.get(`${directory}/${launch}`),
    };
  }

  #measuring(process: { readonly isDead: boolean }): Pick<FileStorage, 'measure'> {
    const { sizes } = this;
    if (sizes === undefined) return {};
    return {
      measure: async (directory) => {
        if (process.isDead) return NEVER;
        const bytes = sizes.get(jobId(Number(directory.split('/').at(-1)))) ?? 0;
        if (bytes < 0) throw new Error('stale file handle');
        return { bytes, entries: 1, isWhole: true };
      },
    };
  }

  hurry(): void {
    for (const go of this.#slow.splice(0)) go();
  }

  id(name: string): JobId {
    const id = this.names.get(name);
    if (id === undefined) throw new Error(`no job ${name}`);
    return id;
  }

  /** The task of a job's latest (or n-th) launch. */
  taskId(name: string, launch?: number): TaskId {
    const id = this.id(name);
    return taskIdOf(id, launch ?? this.record.jobs.get(id)?.launches ?? 0);
  }

  storeGoesAway(methods?: readonly StoreMethod[]): void {
    this.trouble.before = (method) => {
      if (methods === undefined || methods.includes(method)) throw storeAway();
    };
  }

  storeComesBack(): void {
    this.trouble = {};
  }

  /** What must always hold, and does not. */
  faults(): readonly string[] {
    const ends = new Map<JobId, number>();
    for (const { id, state } of this.record.history)
      if (state === 'over') ends.set(id, (ends.get(id) ?? 0) + 1);
    const twice = [...ends].flatMap(([id, n]) => (n > 1 ? [`job ${id} ended ${n} times`] : []));
    return [...this.master.faults, ...twice, ...this.failures.map(String)];
  }
}

const textOf = (facts: unknown): string => (facts === undefined ? '' : JSON.stringify(facts));
