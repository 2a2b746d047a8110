/** One life of a scheduler daemon: the real one, with the real Mesos client, on simulated ports. */
import type { Cluster } from '../../src/contracts/cluster.js';
import { Events } from '../../src/contracts/events.js';
import type { FileStorage } from '../../src/contracts/storage.js';
import { ADVANCE_MS, type Policy } from '../../src/core/policy.js';
import { parseTaskId, taskIdOf } from '../../src/core/units.js';
import type { UsageRule } from '../../src/core/usage.js';
import type { SchedulerStore } from '../../src/daemon/ports.js';
import { SchedulerDaemon } from '../../src/daemon/scheduler.js';
import { MesosFramework } from '../../src/mesos/framework.js';
import { type MemoryRecord, MemoryStore } from '../support/memory-store.js';
import type { Chance } from './chance.js';
import type { Judge } from './judge.js';
import type { Mistake } from './mistakes.js';
import { type NetworkPorts, SimTransport } from './network.js';
import { NEVER, SimProcess } from './process.js';
import type { SimStore } from './store-weather.js';
import type { SimTime } from './time.js';
import type { Trace } from './trace.js';

export const INSTALLATION = 'simulated';
const FRAMEWORK_ID = 'mesos.framework';

/** Eager, so that jobs are stopped in most of the histories that allow it. */
const PREEMPTION = {
  afterMs: 3_000,
  eachMs: 5_000,
  protectedShare: 0.5,
  differenceMin: 0.1,
  stopsMax: 3,
};

export interface Surroundings {
  readonly time: SimTime;
  readonly trace: Trace;
  readonly chance: Chance;
  readonly judge: Judge;
  readonly record: MemoryRecord;
  readonly storeWeather: SimStore;
  readonly network: NetworkPorts;
  readonly policy: Policy;
  readonly usage: UsageRule;
  readonly hasPreemption: boolean;
  readonly mistake: Mistake | undefined;
  readonly isAlone: boolean;
  readonly masters: readonly string[];
  readonly died: (one: SchedulerProcess) => void;
}

export class SchedulerProcess {
  readonly process: SimProcess;
  readonly wire: SimTransport;
  readonly daemon: SchedulerDaemon;
  readonly #around: Surroundings;

  constructor(name: string, around: Surroundings) {
    this.#around = around;
    this.process = new SimProcess(name, {
      time: around.time,
      trace: around.trace,
      died: () => {
        this.wire.abandoned();
        around.died(this);
      },
      failed: (error) => this.#failed(error),
    });
    this.wire = new SimTransport(this.process, around.network);
    const store = this.#store();
    const { process } = this;
    this.daemon = new SchedulerDaemon(
      {
        store,
        storage: this.#storage(),
        clock: process,
        timers: process,
        log: process.log,
        events: new Events(),
        policy: around.policy,
        installation: INSTALLATION,
        failed: (error) => this.#failed(error),
      },
      {
        installation: INSTALLATION,
        holder: name,
        isAlone: around.isAlone,
        defaultExecutor: 'mesos',
        usage: around.usage,
        advanceMs: ADVANCE_MS,
        // Soon, so that room is kept in most histories.
        reservationAfterMs: 5_000,
        ...(around.hasPreemption ? { preemption: PREEMPTION } : {}),
        modeOf: () => 'process',
      },
      () => [this.#cluster(store)],
    );
  }

  start(): void {
    this.process.enter(() => this.daemon.start());
  }

  /** Leaves in good order. */
  async stop(): Promise<void> {
    await this.daemon.stop();
    this.process.kill('after a clean stop');
  }

  /** A bug of ours ends the process; nothing may need that. */
  #failed(error: unknown): void {
    this.#around.judge.breach(`${this.process.name}: ${textOf(error)}`);
    this.process.kill('of a bug');
  }

  /** The record, as far away as a database is. */
  #store(): SchedulerStore {
    const { record, mistake, time } = this.#around;
    const store = new Proxy<SchedulerStore>(new MemoryStore(record), {
      get: (target, method: keyof SchedulerStore) => {
        const work: (...given: never[]) => Promise<unknown> = target[method].bind(target);
        return (...given: never[]) => this.#ask(method, () => work(...given));
      },
    });
    return mistake?.store?.(store, time) ?? store;
  }

  /** What the store answers, or that it failed, travels back, if the process is still there to hear it. */
  #ask(method: string, work: () => Promise<unknown>): Promise<unknown> {
    if (!this.process.leaves(`store ${method}`)) return NEVER;
    return new Promise((resolve, reject) => {
      this.#around.storeWeather.through(work).then(
        (answer) => this.process.enter(() => resolve(answer)),
        (error: unknown) => this.process.enter(() => reject(error)),
      );
    });
  }

  #storage(): FileStorage {
    const { time, chance, judge } = this.#around;
    const visit = async (what: string): Promise<void> => {
      if (!this.process.leaves(what)) return NEVER;
      await time.pause(chance.between(0, 3));
      return new Promise<void>((go) => this.process.enter(go));
    };
    return {
      prepare: async ({ id }) => {
        await visit('a job directory');
        if (chance.happens(0.01)) throw new Error('no space left on device');
        return `/shared/${id}`;
      },
      exitFile: async (directory, launch) => {
        await visit('an exit file');
        const ours = parseTaskId(`${directory.slice('/shared/'.length)}-1`);
        const truth = ours && judge.truths.get(taskIdOf(ours.jobId, launch));
        const { fate } = truth ?? {};
        return truth?.isDone && fate?.kind === 'untold' && fate.hasFile
          ? `${fate.code}\n`
          : undefined;
      },
    };
  }

  #cluster(store: SchedulerStore): Cluster {
    const { network, masters, mistake, chance } = this.#around;
    const framework = new MesosFramework({
      masters,
      mediaType: network.mediaType,
      framework: {
        user: 'root',
        name: 'GoDocker',
        roles: ['god'],
        principal: null,
        secret: null,
        failoverTimeoutMs: 604_800_000,
        hostname: null,
        webuiUrl: null,
        labels: {},
      },
      tasks: { network: 'BRIDGE' },
      memory: {
        load: async () =>
          mistake?.forgetsFrameworkId ? null : ((await store.setting(FRAMEWORK_ID)) ?? null),
        save: (id) => store.putSetting(FRAMEWORK_ID, id),
      },
      ports: {
        clock: this.process,
        timers: this.process,
        random: chance.next,
        log: this.process.log,
        transport: mistake?.transport?.(this.wire) ?? this.wire,
      },
    });
    return mistake?.cluster?.(framework) ?? framework;
  }
}

const textOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);
