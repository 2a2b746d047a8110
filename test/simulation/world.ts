/** One history: a cluster, a store, users and scheduler daemons, driven by one seed; first trouble, then peace. */
import { fairshare } from '../../src/core/fairshare.js';
import { fifo } from '../../src/core/policy.js';
import { JSON_TYPE, type MediaType, PROTOBUF_TYPE } from '../../src/mesos/codec.js';
import { MemoryRecord } from '../support/memory-store.js';
import { Audit, HALF_LIFE, WINDOW } from './audit.js';
import { Chance } from './chance.js';
import { MASTERS, SimCluster } from './cluster.js';
import { Troublemaker } from './faults.js';
import { Judge } from './judge.js';
import type { Mistake } from './mistakes.js';
import { SchedulerProcess } from './scheduler-process.js';
import { SimStore } from './store-weather.js';
import { SimTime } from './time.js';
import { Trace } from './trace.js';
import { EPOCH_MS, type Notice, OWNERS, Users } from './users.js';
import { Wishes } from './wishes.js';

export interface HistoryOptions {
  readonly seed: number;
  readonly mistake?: Mistake | undefined;
}

export interface History {
  readonly seed: number;
  readonly breaches: readonly string[];
  readonly trace: Trace;
  readonly agentHours: number;
  readonly jobs: number;
  readonly launches: number;
  /** Launches stopped for other users' jobs. */
  readonly stops: number;
  readonly events: number;
  readonly faults: ReadonlyMap<string, number>;
}

const TROUBLE_MS_MIN = 5 * 60_000;
const TROUBLE_MS_MAX = 15 * 60_000;
/** After the last fault everything is over within this. */
const PEACE_MS_MAX = 40 * 60_000;
/** And then nothing happens any more. */
const SILENCE_MS = 90_000;
/** Then each user submits once more: what the policy sees of them must be what the record tells. */
const PROBE_MS = 20_000;
/** Timers of an idle leader: lease, sweep, record, reconciliation, heartbeats. */
const IDLE_TIMERS_MAX = 8;

export class World {
  readonly time = new SimTime();
  readonly trace = new Trace(this.time);
  readonly record = new MemoryRecord();
  readonly judge = new Judge(this.record, this.trace, () => EPOCH_MS + this.time.nowMs);
  readonly cluster: SimCluster;
  readonly storeWeather: SimStore;
  readonly users: Users;
  readonly #chance: Chance;
  readonly #mistake: Mistake | undefined;
  readonly #schedulers: SchedulerProcess[] = [];
  readonly #audit: Audit;
  readonly #wanted: number;
  readonly #hasPreemption: boolean;
  readonly #mediaType: MediaType;
  #lives = 0;
  #isPeace = false;

  constructor({ seed, mistake }: HistoryOptions) {
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#mistake = mistake;
    this.#mediaType = chance.happens(0.5) ? JSON_TYPE : PROTOBUF_TYPE;
    this.#wanted = chance.happens(0.7) ? 2 : chance.between(1, 3);
    const policy = chance.happens(0.5) ? fifo : fairshare();
    // From the seed and not by chance: older seeds keep their histories.
    this.#hasPreemption = seed % 3 === 0;
    const usage = seed % 2 === 0 ? WINDOW : HALF_LIFE;
    this.#audit = new Audit({ policy, usage }, this.record, this.judge);
    this.storeWeather = new SimStore(this.time, chance.fork());
    const { time, trace, judge, record } = this;
    // The first is large enough for every job.
    const sizes = [4, ...Array.from({ length: chance.between(1, 11) }, () => chance.between(2, 8))];
    this.cluster = new SimCluster({ time, trace, judge, chance: chance.fork() }, sizes);
    this.cluster.weather.loss = chance.pick([0, 0.01, 0.05, 0.2]) ?? 0;
    this.cluster.weather.cutting = chance.pick([0, 0.1, 0.5]) ?? 0;
    this.storeWeather.trouble = chance.pick([0, 0, 0.005, 0.03]) ?? 0;
    this.users = new Users({
      time,
      trace,
      record,
      chance: chance.fork(),
      notice: (tell) => this.#notice(tell),
      // From the seed and not by chance, as above.
      wishes: new Wishes(new Chance(seed ^ 0x5eed)),
    });
    this.users.trouble = chance.pick([0, 0.05, 0.2]) ?? 0;
  }

  /** A scheduler that lives. */
  anyScheduler(chance: Chance): SchedulerProcess | undefined {
    return chance.pick(this.#schedulers);
  }

  #notice(tell: Notice): void {
    for (const { process, daemon } of this.#schedulers)
      process.enter(() => {
        if ('submitted' in tell) daemon.notices.submitted([tell.submitted]);
        else if ('killed' in tell) daemon.notices.killWanted(tell.killed);
        else daemon.notices.holdChanged(tell.heldOrReleased);
      });
  }

  #startScheduler(): void {
    this.#lives += 1;
    const one = new SchedulerProcess(`scheduler-${this.#lives}`, {
      time: this.time,
      trace: this.trace,
      chance: this.#chance.fork(),
      judge: this.judge,
      record: this.record,
      storeWeather: this.storeWeather,
      network: this.cluster.networkFor(this.#mediaType),
      policy: this.#audit.policy,
      usage: this.#audit.usage,
      hasPreemption: this.#hasPreemption,
      mistake: this.#mistake,
      isAlone: this.#wanted === 1,
      masters: MASTERS,
      died: (dead) => this.#died(dead),
    });
    this.#schedulers.push(one);
    one.start();
  }

  /** Its supervisor starts another. */
  #died(dead: SchedulerProcess): void {
    const at = this.#schedulers.indexOf(dead);
    if (at >= 0) this.#schedulers.splice(at, 1);
    this.time.after(this.#chance.between(100, this.#isPeace ? 200 : 8_000), () =>
      this.#startScheduler(),
    );
  }

  // ---- the course of a history

  async run(seed: number): Promise<History> {
    for (let started = 0; started < this.#wanted; started++) this.#startScheduler();
    const troubleMs = this.#chance.between(TROUBLE_MS_MIN, TROUBLE_MS_MAX);
    this.#planSubmissions(troubleMs);
    const troublemaker = new Troublemaker(this, this.#chance.fork());
    const isBroken = () => {
      this.judge.look();
      return this.judge.breaches.length > 0;
    };
    await this.time.runUntil(troubleMs, isBroken);
    troublemaker.stop();
    if (!isBroken()) await this.#peace(isBroken);
    return {
      seed,
      breaches: this.judge.breaches,
      trace: this.trace,
      agentHours: (this.cluster.agents.length * this.time.nowMs) / 3_600_000,
      jobs: this.record.jobs.size,
      launches: this.judge.launches,
      events: this.time.events,
      stops: this.judge.stops,
      faults: troublemaker.counts,
    };
  }

  #planSubmissions(troubleMs: number): void {
    const jobs = this.#chance.between(10, 60);
    const isBurst = this.#chance.happens(0.3);
    for (let job = 0; job < jobs; job++)
      this.time.after(this.#chance.between(0, isBurst ? 10_000 : troubleMs), () =>
        this.users.submit(),
      );
  }

  async #peace(isBroken: () => boolean): Promise<void> {
    const { time, judge, users, record } = this;
    this.trace.add('world', 'peace');
    this.#isPeace = true;
    this.cluster.mend();
    this.storeWeather.trouble = 0;
    this.storeWeather.isAway = this.storeWeather.isSlow = false;
    users.trouble = 0;
    for (const { process, wire } of this.#schedulers) {
      process.stepsLeft = Number.POSITIVE_INFINITY;
      process.wallOffsetMs = 0;
      wire.heal();
      if (process.isStopped) process.thaw();
    }
    const isDone = () => users.trying === 0 && judge.ended === record.jobs.size;
    await time.runUntil(time.nowMs + PEACE_MS_MAX, () => isBroken() || isDone());
    if (judge.breaches.length > 0) return;
    if (!isDone()) {
      for (const job of record.jobs.values())
        if (job.state !== 'over') judge.breach(`job ${job.id} never ends: it is ${job.state}`);
      return;
    }
    await time.runUntil(time.nowMs + SILENCE_MS / 2, isBroken);
    const offersMade = this.cluster.leader?.master.offersMade;
    await time.runUntil(time.nowMs + SILENCE_MS / 2, isBroken);
    if (this.cluster.leader?.master.offersMade !== offersMade)
      judge.breach('nobody waits, and still offers are taken');
    this.#checkSilence();
    this.#audit.isExact = true;
    for (const owner of OWNERS) users.submit(owner, false);
    await time.runUntil(time.nowMs + PROBE_MS, isBroken);
    if (!this.#audit.hasSeenAll) judge.breach('new jobs on an idle cluster are not looked at');
  }

  /** All is over: nothing may be left anywhere. */
  #checkSilence(): void {
    const { judge, users, record, cluster } = this;
    for (const { taskId } of judge.living()) judge.breach(`task ${taskId} outlives its job`);
    for (const agent of cluster.agents)
      for (const task of agent.tasks.values())
        judge.breach(`${task.state} of ${task.taskId} is never acknowledged`);
    const own = [...record.jobs.values()].filter(({ parent }) => parent === undefined).length;
    if (own !== users.submitted) judge.breach(`${users.submitted} submissions made ${own} jobs`);
    for (const id of users.acknowledged)
      if (!record.jobs.has(id)) judge.breach(`job ${id} was acknowledged and is lost`);
    const leading = this.#schedulers.filter(({ daemon }) => daemon.status().isLeading);
    if (leading.length !== 1) judge.breach(`${leading.length} schedulers lead`);
    for (const { daemon, process } of leading) {
      const { pending, live, trouble } = daemon.status();
      if (pending + live > 0) judge.breach(`${process.name} holds ${pending} + ${live} jobs`);
      for (const sentence of trouble) judge.breach(`${process.name} complains: ${sentence}`);
      if (process.timers > IDLE_TIMERS_MAX)
        judge.breach(`${process.name} has ${process.timers} timers left`);
    }
  }
}

export const simulate = (options: HistoryOptions): Promise<History> =>
  new World(options).run(options.seed);
