/** The words of the scenarios. Each is one tick; after each the daemon gets a moment to do what follows from it. */
import type { Test } from 'tap';
import type { TaskState } from '../../src/contracts/cluster.js';
import { arraySize, memberId, parseArray } from '../../src/core/array.js';
import type { Job, JobSpec, JobState } from '../../src/core/job.js';
import { agentId, instant, type JobId, taskId, userId } from '../../src/core/units.js';
import { aNewJob, aSpec } from '../store/a-job.js';
import type { StoreMethod } from '../support/memory-store.js';
import type { LaunchFate, Told } from './fake-master.js';
import { Stage } from './stage.js';

export type Tick = (stage: Stage, t: Test) => unknown;

/** What the daemon gets after each tick. */
const MOMENT_MS = 20;

/** Plays the ticks on a fresh stage whose daemon leads; in the end nothing may have been breached. */
export async function play(t: Test, ...ticks: readonly Tick[]): Promise<void> {
  const stage = new Stage();
  // Nobody has led before, so it need not wait to see a lease go stale.
  stage.start(false);
  await stage.time.pass(MOMENT_MS);
  for (const tick of ticks) {
    await tick(stage, t);
    await stage.time.pass(MOMENT_MS);
  }
  t.strictSame(stage.faults(), [], 'nothing was breached');
  await stage.stop();
  await stage.time.pass(120_000);
  t.strictSame(stage.faults(), [], 'nor after the stop');
  if (!t.passing()) t.comment(['calls:', ...stage.master.calls, 'log:', ...stage.lines].join('\n'));
}

/** A scenario as a test. */
export const scenario =
  (...ticks: readonly Tick[]) =>
  (t: Test): Promise<void> =>
    play(t, ...ticks);

// ---- users

interface Submission {
  readonly cpus?: number;
  readonly owner?: string;
  readonly retries?: number;
  /** False: the leader is not told. */
  readonly isNoticed?: boolean;
  /** By so much the clock of the web process is behind. */
  readonly behindMs?: number;
  readonly spec?: Partial<JobSpec>;
}

export const submit =
  (
    name: string,
    { cpus = 1, owner, retries = 2, isNoticed = true, behindMs = 0, spec = {} }: Submission = {},
  ): Tick =>
  async (stage) => {
    const needs = { cpuMilli: cpus * 1_000, memMb: cpus * 1_000, gpus: 0, ports: 0, custom: {} };
    const job = aNewJob({
      ...(owner === undefined ? {} : { owner: userId(owner) }),
      submittedAt: instant(stage.time.now() - behindMs),
      spec: aSpec({ name, needs, systemRetriesMax: retries, ...spec }),
    });
    const [answer] = await stage.web.submit([job]);
    if (answer === undefined) throw new Error('a submission has an answer');
    stage.names.set(name, answer.id);
    if (isNoticed) stage.daemon?.notices.submitted([answer.id]);
  };

/** An array; its members are called `name.0`, `name.1` … by their place. */
export const submitArray =
  (name: string, values: string, submission: Submission = {}): Tick =>
  async (stage, t) => {
    const parsed = parseArray(values);
    if (parsed.kind === 'wrong') throw new Error(parsed.because);
    const spec = { ...submission.spec, array: parsed.spec };
    await submit(name, { ...submission, spec })(stage, t);
    for (let place = 0; place < arraySize(parsed.spec); place++)
      stage.names.set(`${name}.${place}`, memberId(stage.id(name), place));
  };

/** Whether a member has a record of its own. */
export const expectMade =
  (name: string, isMade: boolean): Tick =>
  (stage, t) =>
    t.equal(stage.record.jobs.has(stage.id(name)), isMade, `${name} has a record`);

/** As users see a job, be it made up from its array. */
export const expectSeen =
  (name: string, part: object): Tick =>
  async (stage, t) =>
    t.match(await stage.web.job(stage.id(name)), part, `${name} is seen so`);

/** How often the end of a job was told to listeners. */
export const expectEnds =
  (name: string, times: number): Tick =>
  (stage, t) =>
    t.equal(
      stage.ended.filter((id) => id === stage.id(name)).length,
      times,
      `ends of ${name} that were told`,
    );

export const kill =
  (name: string, { isNoticed = true } = {}): Tick =>
  async (stage) => {
    await stage.web.wantKill(stage.id(name), userId('alice'), stage.time.now());
    if (isNoticed) stage.daemon?.notices.killWanted(stage.id(name));
  };

// ---- the cluster

export const offer =
  (agent: string, cpus = 1): Tick =>
  (stage) =>
    stage.master.offer(agent, cpus);

/** The master takes all offers back that nobody has used. */
export const rescindAll = (): Tick => (stage) => {
  for (const id of [...stage.master.offers.keys()]) stage.master.rescind(id);
};

/** What becomes of the next ACCEPTs. */
export const nextAccept =
  (...fates: readonly LaunchFate[]): Tick =>
  (stage) =>
    stage.master.fates.push(...fates);

/** The ACCEPT that got no answer reaches the master after all. */
export const acceptArrives = (): Tick => (stage) => stage.master.arrive();
export const acceptIsAnswered =
  (answer: 'sent' | 'doubt'): Tick =>
  (stage) =>
    stage.master.answerHeld(answer);

/** An update about the job's latest launch, or its n-th. */
export const report =
  (name: string, state: TaskState, { launch, ...told }: Told & { launch?: number } = {}): Tick =>
  (stage) =>
    stage.master.report(stage.taskId(name, launch), state, told);

/** Agents send again what nobody acknowledged. */
export const resend = (): Tick => (stage) => stage.master.resend();

/** What reconciliation will answer about the job's task, true or not. */
export const reconciliationSays =
  (name: string, says: TaskState | 'silence' | 'the truth', launch?: number): Tick =>
  (stage) => {
    const task = stage.taskId(name, launch);
    if (says === 'the truth') stage.master.says.delete(task);
    else stage.master.says.set(task, says);
  };

/** A task of unknown origin runs on an agent; the master tells of it at the next reconciliation. */
export const strayTask =
  (id: string, labels: Readonly<Record<string, string>> = {}): Tick =>
  (stage) => {
    stage.master.run(taskId(id), agentId('a1'), labels);
    stage.master.report(taskId(id), 'running');
  };

const backups = new WeakMap<Stage, ReadonlyMap<JobId, Job>>();

/** The record as it is now is kept. */
export const backUp = (): Tick => (stage) => {
  backups.set(stage, new Map(stage.record.jobs));
};

/** The process ends, the record is what it was at the backup, and another process starts. Tasks know nothing of it. */
export const restoreBackup = (): Tick => (stage) => {
  stage.crash();
  stage.master.isRestored = true;
  stage.record.jobs.clear();
  for (const [id, job] of backups.get(stage) ?? []) stage.record.jobs.set(id, job);
  stage.start(true);
};

/** A real master's manners: labels stand on a page; true from the next start on. */
export const labelsOnPage = (): Tick => (stage) => {
  stage.master.hidesLabels = true;
};

export const pageIsAway =
  (isAway: boolean): Tick =>
  (stage) => {
    stage.isPageAway = isAway;
  };

export const clusterGoesAway = (): Tick => (stage) => stage.master.down();
export const clusterComesBack = (): Tick => (stage) => stage.master.up();

// ---- store, files, process, time

/** All calls of the daemon fail, or only those. */
export const storeGoesAway =
  (...methods: readonly StoreMethod[]): Tick =>
  (stage) =>
    stage.storeGoesAway(methods.length === 0 ? undefined : methods);

export const storeComesBack = (): Tick => (stage) => stage.storeComesBack();

/** The next call of that kind is carried out, but its answer is lost. */
export const answerIsLost =
  (method: StoreMethod): Tick =>
  (stage) => {
    stage.trouble.after = async (called) => {
      if (called !== method) return;
      stage.trouble.after = undefined;
      throw (await import('../support/memory-store.js')).storeAway();
    };
  };

const held = new WeakMap<Stage, () => void>();

/** Calls of that kind wait before anything is written, until `storeGoesOn`. */
export const storeHolds =
  (method: StoreMethod): Tick =>
  (stage) => {
    const gate = new Promise<void>((go) => held.set(stage, go));
    stage.trouble.before = async (called) => {
      if (called === method) await gate;
    };
  };

/** Calls of that kind are carried out, but their answers wait until `storeGoesOn`. */
export const storeHoldsAnswers =
  (method: StoreMethod): Tick =>
  (stage) => {
    const gate = new Promise<void>((go) => held.set(stage, go));
    stage.trouble.after = async (called) => {
      if (called === method) await gate;
    };
  };

export const storeGoesOn = (): Tick => (stage) => {
  stage.trouble = {};
  held.get(stage)?.();
};

export const damage =
  (name: string): Tick =>
  (stage) =>
    stage.record.damaged.add(stage.id(name));
export const mend =
  (name: string): Tick =>
  (stage) =>
    stage.record.damaged.delete(stage.id(name));

export const directoryFails =
  (name: string): Tick =>
  (stage) =>
    stage.badDirectories.add(stage.id(name));
export const directoryIsFine =
  (name: string): Tick =>
  (stage) => {
    stage.badDirectories.delete(stage.id(name));
    stage.slowDirectories.delete(stage.id(name));
    stage.hurry();
  };
/** The file server hangs on this job's directory until `directoryIsFine`. */
export const directoryHangs =
  (name: string): Tick =>
  (stage) =>
    stage.slowDirectories.add(stage.id(name));

export const exitFile =
  (name: string, content: string, launch?: number): Tick =>
  (stage) => {
    const id = stage.id(name);
    const number = launch ?? stage.record.jobs.get(id)?.launches ?? 0;
    stage.exitFiles.set(`/shared/${id}/${number}`, content);
  };

export const crash = (): Tick => (stage) => stage.crash();
/** The process dies when it next gets there: `before advance`, `after accept`, `before acknowledge` … */
export const crashAt =
  (point: string): Tick =>
  (stage) => {
    stage.crashPoint = point;
  };
/** Not alone, it takes the lease only when it has seen it go stale. */
export const restart =
  ({ isAlone = true } = {}): Tick =>
  (stage) => {
    stage.crash();
    stage.start(isAlone);
  };

/** The process stops, as by SIGSTOP, when it next gets there. */
export const pauseAt =
  (point: string): Tick =>
  (stage) => {
    stage.pausePoint = point;
  };
export const pause = (): Tick => (stage) => stage.pause();

/** A standby starts beside the leader. */
export const standby = (): Tick => (stage) => stage.start(false);
export const formerGoesOn = (): Tick => (stage) => stage.formerGoesOn();
export const expectFormerLeading =
  (isLeading: boolean): Tick =>
  (stage, t) =>
    t.equal(stage.former?.status().isLeading, isLeading, 'the former daemon leads');

/** Another daemon takes the lease away. */
export const anotherLeads = (): Tick => async (stage) => {
  await stage.web.takeLease('another', await stage.web.lease());
};

export const pass =
  (ms: number): Tick =>
  (stage) =>
    stage.time.pass(ms);

/** The wall clock is set forward, or back. */
export const clockJumps =
  (ms: number): Tick =>
  (stage) =>
    stage.time.jump(ms);

// ---- what must be seen

export const expectState =
  (name: string, state: JobState): Tick =>
  (stage, t) =>
    t.equal(stage.record.jobs.get(stage.id(name))?.state, state, `${name} is ${state}`);

/** One more task than the scenario has seen so far was launched for the job. */
export const expectLaunched =
  (name: string): Tick =>
  (stage, t) => {
    const seen = (stage.seenLaunches.get(name) ?? 0) + 1;
    stage.seenLaunches.set(name, seen);
    t.equal(tasksOf(stage, name), seen, `${name} was launched`);
  };

/** No task beyond those that the scenario has seen. */
export const expectNotLaunched =
  (name: string): Tick =>
  (stage, t) =>
    t.equal(tasksOf(stage, name), stage.seenLaunches.get(name) ?? 0, `${name} was not launched`);

const tasksOf = (stage: Stage, name: string): number =>
  stage.master.tasksOf(stage.taskId(name, 1)).length;

export const expectOutcome =
  (name: string, outcome: object): Tick =>
  (stage, t) => {
    const job = stage.record.jobs.get(stage.id(name));
    t.match(job?.state === 'over' ? job.outcome : job?.state, outcome, `${name} ended so`);
  };

/** The record of a job. */
export const expectRecord =
  (name: string, part: object): Tick =>
  (stage, t) =>
    t.match(stage.record.jobs.get(stage.id(name)), part);

/** How many kills of the job's task the master got. */
export const expectKills =
  (name: string, count: number, launch?: number): Tick =>
  (stage, t) =>
    t.equal(
      stage.master.tasks.get(stage.taskId(name, launch))?.kills ?? 0,
      count,
      `kills of ${name}`,
    );

/** At least one kill more than when the scenario last looked; repeats do no harm. */
export const expectKilled =
  (name: string): Tick =>
  (stage, t) => {
    const kills = stage.master.tasks.get(stage.taskId(name))?.kills ?? 0;
    t.ok(kills > (stage.seenKills.get(name) ?? 0), `${name} is killed`);
    stage.seenKills.set(name, kills);
  };

export const expectNotKilled =
  (name: string): Tick =>
  (stage, t) =>
    t.equal(stage.master.tasks.get(stage.taskId(name))?.kills, 0, `${name} is not killed`);

export const expectStrayKills =
  (id: string, count: number): Tick =>
  (stage, t) =>
    t.equal(stage.master.tasks.get(taskId(id))?.kills, count, `kills of ${id}`);

/** How many updates of the job's task wait for their acknowledgement. */
export const expectUnacknowledged =
  (name: string, count: number): Tick =>
  (stage, t) =>
    t.equal(
      stage.master.tasks.get(stage.taskId(name))?.unacknowledged.length,
      count,
      `unacknowledged updates of ${name}`,
    );

/** How many calls that match the master got so far. */
export const expectCalls =
  (pattern: RegExp, count: number): Tick =>
  (stage, t) =>
    t.equal(
      stage.master.calls.filter((call) => pattern.test(call)).length,
      count,
      `calls ${pattern}`,
    );

/** Starts counting calls anew. */
export const forgetCalls = (): Tick => (stage) => {
  stage.master.calls.length = 0;
};

export const expectLeading =
  (isLeading: boolean): Tick =>
  (stage, t) =>
    t.equal(stage.daemon?.status().isLeading, isLeading, 'leading');

export const expectWaiting =
  (count: number): Tick =>
  (stage, t) =>
    t.equal(stage.daemon?.status().pending, count, 'jobs in the queue');
