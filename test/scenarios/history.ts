/**
 * One seeded random history: users, agents, the network, the store and the process all do what they may at any
 * moment. Afterwards everything heals, and every job must come to its one end.
 */

import t from 'tap';
import { isLive, type JobSpec } from '../../src/core/job.js';
import { type JobId, jobId, type TaskId, userId } from '../../src/core/units.js';
import { aNewJob, aSpec } from '../store/a-job.js';
import { storeAway } from '../support/memory-store.js';
import type { FakeTask, LaunchFate } from './fake-master.js';
import { Stage } from './stage.js';

/** Numbers in [0, below). */
type Pick = (below: number) => number;

export function seeded(seed: number): Pick {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const STEPS = 90;
const HEALING_ROUNDS_MAX = 80;
const AGENTS = ['a1', 'a2', 'a3'];
const PAUSES_MS = [0, 3, 10, 10, 50, 50, 300, 1_000, 2_500, 6_000, 33_000];
const FATES: readonly LaunchFate[] = [
  'sent',
  'refused',
  'taken',
  'lost',
  'late',
  'held',
  'dropped',
];
const CRASH_POINTS = [
  ...['before advance', 'after advance', 'before accept', 'after accept'],
  ...['before acknowledge', 'after acknowledge', 'after jobs', 'after live', 'after takeLease'],
];

export class History {
  readonly stage = new Stage();
  readonly #pick: Pick;
  readonly #jobs: JobId[] = [];
  /** What happened, for whoever looks into a failing seed. */
  readonly told: string[] = [];

  constructor(seed: number) {
    this.#pick = seeded(seed);
  }

  async play(): Promise<void> {
    const { time } = this.stage;
    this.stage.start();
    await time.pass(20);
    for (let step = 0; step < STEPS; step++) {
      await this.#step();
      await time.pass(this.#one(PAUSES_MS) ?? 0);
    }
    await this.#heal();
    await this.stage.stop();
    await time.pass(100_000);
  }

  /** Jobs that did not come to an end. */
  unfinished(): readonly string[] {
    return this.#jobs.flatMap((id) => {
      const job = this.stage.record.jobs.get(id);
      return job?.state === 'over' ? [] : [`job ${id} is ${job?.state}`];
    });
  }

  #one<T>(items: readonly T[]): T | undefined {
    return items[this.#pick(items.length)];
  }

  #tasks(which: (task: FakeTask) => boolean): FakeTask | undefined {
    return this.#one([...this.stage.master.tasks.values()].filter(which));
  }

  /** What may happen, and how often. */
  readonly #actions: readonly (readonly [weight: number, name: string, act: () => unknown])[] = [
    [14, 'submit', () => this.#submit()],
    [16, 'offer', () => this.#offer()],
    [3, 'rescind', () => this.#rescind()],
    [26, 'progress', () => this.#progress()],
    [4, 'lose', () => this.#lose()],
    [4, 'come back', () => this.#comeBack()],
    [8, 'kill', () => this.#kill()],
    [6, 'resend', () => this.stage.master.resend()],
    [4, 'repeat', () => this.#repeat()],
    [4, 'lossy', () => this.#toggleLoss()],
    [6, 'fate', () => this.stage.master.fates.push(this.#one(FATES) ?? 'sent')],
    [4, 'late', () => this.#late()],
    [3, 'network', () => this.#network()],
    [4, 'crash at', () => this.#crashLater()],
    [6, 'restart', () => this.#restart()],
    [4, 'store', () => this.#troubleStore()],
    [4, 'hang', () => this.#hang()],
    [6, 'directory', () => this.#troubleDirectory()],
  ];

  async #step(): Promise<void> {
    const total = this.#actions.reduce((sum, [weight]) => sum + weight, 0);
    let drawn = this.#pick(total);
    for (const [weight, name, act] of this.#actions) {
      drawn -= weight;
      if (drawn >= 0) continue;
      this.told.push(`${this.stage.time.monotonicMs()} ${name}`);
      await act();
      return;
    }
  }

  // ---- users

  async #submit(): Promise<void> {
    const { web, time, daemon } = this.stage;
    const cpus = 1 + this.#pick(2);
    const needs = { cpuMilli: cpus * 1_000, memMb: 500, gpus: 0, ports: 0, custom: {} };
    const spec: JobSpec = aSpec({ needs, systemRetriesMax: this.#pick(4) });
    const batch = Array.from({ length: 1 + this.#pick(3) }, () =>
      aNewJob({ spec, submittedAt: time.now(), owner: userId(`u${this.#pick(3)}`) }),
    );
    const ids = (await web.submit(batch)).map(({ id }) => id);
    this.#jobs.push(...ids);
    if (this.#pick(4) > 0) daemon?.notices.submitted(ids);
  }

  async #kill(): Promise<void> {
    const id = this.#one(this.#jobs.slice(-8));
    if (id === undefined) return;
    await this.stage.web.wantKill(id, userId('alice'), this.stage.time.now());
    if (this.#pick(3) > 0) this.stage.daemon?.notices.killWanted(id);
  }

  // ---- agents

  #offer(): void {
    this.stage.master.offer(this.#one(AGENTS) ?? 'a1', 1 + this.#pick(4));
  }

  #rescind(): void {
    const id = this.#one([...this.stage.master.offers.keys()]);
    if (id !== undefined) this.stage.master.rescind(id);
  }

  #progress(): void {
    const task = this.#tasks(({ isAlive, isCutOff }) => isAlive && !isCutOff);
    if (task !== undefined) this.#advance(task);
  }

  #advance({ taskId, kills, last }: FakeTask): void {
    const { master } = this.stage;
    if (kills > 0 && this.#pick(2) === 0) master.report(taskId, 'killed');
    else if (last === 'staging' && this.#pick(2) === 0) master.report(taskId, 'starting');
    else if (last !== 'running' && this.#pick(4) > 0) master.report(taskId, 'running');
    else this.#end(taskId);
  }

  #end(taskId: TaskId): void {
    const { master, exitFiles } = this.stage;
    const [id, launch] = taskId.split('-');
    const kind = this.#pick(7);
    if (kind === 0) master.report(taskId, 'failed', { message: 'Command exited with status 7' });
    else if (kind === 1) {
      if (this.#pick(2) === 0) exitFiles.set(`/shared/${id}/${launch}`, '3');
      master.report(taskId, 'failed');
    } else if (kind === 2) master.report(taskId, 'failed', { reason: 'executor-terminated' });
    else master.report(taskId, kind === 3 ? 'killed' : 'finished');
  }

  #lose(): void {
    const task = this.#tasks(({ isAlive, isCutOff }) => isAlive && !isCutOff);
    const state = this.#one(['lost', 'unreachable', 'unreachable', 'gone'] as const) ?? 'lost';
    if (task !== undefined) this.stage.master.report(task.taskId, state);
  }

  /** What was cut off is there again, or is declared gone. */
  #comeBack(): void {
    const task = this.#tasks(({ isAlive, isCutOff }) => isAlive && isCutOff);
    if (task === undefined) return;
    if (this.#pick(3) > 0) this.stage.master.report(task.taskId, 'running');
    else this.stage.master.report(task.taskId, 'gone');
  }

  // ---- the network

  /** An old update once more, whenever it was. */
  #repeat(): void {
    const update = this.#one(this.stage.master.updates.slice(-12));
    if (update !== undefined) this.stage.master.deliver(update);
  }

  #toggleLoss(): void {
    this.stage.master.isDeaf = !this.stage.master.isDeaf;
  }

  #late(): void {
    if (this.#pick(2) === 0) this.stage.master.arrive();
    else this.stage.master.answerHeld(this.#pick(2) === 0 ? 'sent' : 'doubt');
  }

  #network(): void {
    if (this.#pick(2) === 0) this.stage.master.down();
    else this.stage.master.up();
  }

  // ---- our own side

  #crashLater(): void {
    this.stage.crashPoint = this.#one(CRASH_POINTS);
  }

  async #restart(): Promise<void> {
    if (this.#pick(4) === 0) await this.stage.stop();
    this.stage.crash();
    this.stage.start();
  }

  #troubleStore(): void {
    const { stage } = this;
    const kind = this.#pick(5);
    if (kind === 0) stage.storeGoesAway();
    else if (kind === 1) stage.storeGoesAway(['advance']);
    else if (kind === 2)
      stage.trouble.after = (method) => {
        if (method !== 'advance') return;
        stage.trouble.after = undefined;
        throw storeAway();
      };
    else stage.storeComesBack();
  }

  #troubleDirectory(): void {
    const { badDirectories, slowDirectories } = this.stage;
    const id = this.#one(this.#jobs.slice(-5));
    const kind = this.#pick(2);
    if (kind === 0 && id !== undefined) badDirectories.add(id);
    else {
      badDirectories.clear();
      slowDirectories.clear();
      this.stage.hurry();
    }
  }

  /** Several jobs of one ACCEPT wait for the directory of one of them, and some are killed meanwhile. */
  async #hang(): Promise<void> {
    const { time, slowDirectories } = this.stage;
    await this.#submit();
    const slow = this.#jobs.at(-1);
    if (slow !== undefined) slowDirectories.add(slow);
    this.stage.master.offer('a1', 8);
    await time.pass(20);
    for (let n = this.#pick(3); n > 0; n--) await this.#kill();
  }

  // ---- the end

  /** All trouble ends; tasks run to their ends; agents offer what they have. */
  async #heal(): Promise<void> {
    const { stage } = this;
    const { master, time } = stage;
    stage.storeComesBack();
    stage.badDirectories.clear();
    stage.slowDirectories.clear();
    stage.hurry();
    stage.crashPoint = undefined;
    master.isDeaf = false;
    master.fates.length = 0;
    master.up();
    if (stage.daemon === undefined) stage.start();
    master.answerHeld('doubt');
    await time.pass(31_000);
    master.resend();
    await time.pass(31_000);
    this.#expectMercyForNone();
    for (let round = 0; round < HEALING_ROUNDS_MAX && this.unfinished().length > 0; round++) {
      master.answerHeld('doubt');
      for (const task of [...master.tasks.values()]) this.#wind(task);
      master.resend();
      for (const agent of AGENTS) master.offer(agent, 4);
      await time.pass(8_000);
    }
    // Updates still on their way are acknowledged.
    master.resend();
    await time.pass(1_000);
  }

  /** Whatever runs although nobody wants it must have been told to die by now. */
  #expectMercyForNone(): void {
    const { master, record } = this.stage;
    for (const { taskId, isAlive, isCutOff, last, kills } of master.tasks.values()) {
      if (!isAlive || isCutOff || last !== 'running' || kills > 0) continue;
      const job = record.jobs.get(jobId(Number(taskId.split('-')[0])));
      const isHeld = job !== undefined && isLive(job) && job.placement.taskId === taskId;
      if (!isHeld) master.faults.push(`${taskId} runs, and no job holds it`);
      else if (job.state === 'killing') master.faults.push(`${taskId} was never told to die`);
    }
  }

  #wind(task: FakeTask): void {
    if (!task.isAlive) return;
    const { master } = this.stage;
    if (task.kills > 0) master.report(task.taskId, 'killed');
    else if (task.last === 'unreachable') master.report(task.taskId, 'running');
    else master.report(task.taskId, 'finished');
  }
}

const HISTORIES_MS_MAX = 3_600_000;

/** Plays histories and tells which seeds failed, with all that happened in them. */
export function histories({ first, count }: { first: number; count: number }): void {
  t.setTimeout(HISTORIES_MS_MAX);
  t.test(`${count} random histories`, { timeout: HISTORIES_MS_MAX }, async (t) => {
    let launches = 0;
    for (let seed = first; seed < first + count; seed++) {
      const history = new History(seed);
      await history.play();
      const { master, record, lines } = history.stage;
      launches += master.tasks.size;
      const found = { faults: history.stage.faults(), unfinished: history.unfinished() };
      if (!t.strictSame(found, { faults: [], unfinished: [] }, `seed ${seed}`))
        t.comment([...history.told, ...master.calls, ...lines].join('\n'));
      const late = [...master.tasks.values()].flatMap(({ unacknowledged }) => unacknowledged);
      t.strictSame(late, [], `seed ${seed}: every update is acknowledged`);
      t.ok(record.jobs.size > 0, `seed ${seed}: ${record.jobs.size} jobs`);
    }
    t.ok(launches >= count, `${launches} tasks ran`);
  });
}
