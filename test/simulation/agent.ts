/**
 * A simulated Mesos agent: runs tasks, keeps each one's updates until they are acknowledged, and may be cut off, restarted
 * or lost. What it does is the truth that the judge sees.
 */
import type { Timer } from '../../src/contracts/clock.js';
import type {
  TaskInfo,
  TaskState,
  TaskStatus,
  TaskStatusReason,
} from '../../src/mesos/messages.js';
import type { Chance } from './chance.js';
import { ENDS, type Fate, type Judge, type Truth } from './judge.js';
import type { SimTime } from './time.js';

export interface Amount {
  readonly cpuMilli: number;
  readonly memMb: number;
}

export interface AgentTask {
  readonly taskId: string;
  readonly frameworkId: string;
  readonly amount: Amount;
  /** As the executor last told it. */
  state: TaskState;
  readonly truth: Truth;
  /** Not acknowledged yet; only the first is on its way. */
  readonly updates: TaskStatus[];
  timer: Timer | undefined;
  retry: Timer | undefined;
}

/** How the agent reaches whichever master leads; messages may get lost. */
export interface MasterSide {
  register(agent: SimAgent): void;
  updated(agent: SimAgent, frameworkId: string, status: TaskStatus): void;
}

export interface AgentPorts {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly judge: Judge;
  readonly fateOf: (taskId: string) => { readonly fate: Fate; readonly lastsMs: number };
  /** The leading master, if it can be reached now. */
  readonly master: (agent: SimAgent) => MasterSide | undefined;
}

/** A real agent begins with 10 s and goes up to 10 minutes. */
const RETRY_MS_MIN = 10_000;
const RETRY_MS_MAX = 60_000;
/** Updates that may come again late. */
const SENT_KEPT = 20;
/** How long processes of an executor that died, or of an agent that left, may linger. */
const LINGER_MS_MAX = 20_000;

export class SimAgent {
  readonly host: string;
  readonly total: Amount;
  readonly #ports: AgentPorts;
  id: string;
  readonly tasks = new Map<string, AgentTask>();
  /** The machine runs. */
  isUp = true;
  /** The network between it and the masters is silent. */
  isCutOff = false;
  /** Counts registrations: messages of an older connection are lost. */
  connection = 0;
  readonly #sent: { readonly frameworkId: string; readonly status: TaskStatus }[] = [];
  #uuids = 0;

  constructor(host: string, id: string, total: Amount, ports: AgentPorts) {
    this.host = host;
    this.id = id;
    this.total = total;
    this.#ports = ports;
  }

  get canTalk(): boolean {
    return this.isUp && !this.isCutOff;
  }

  used(): Amount {
    let cpuMilli = 0;
    let memMb = 0;
    for (const { state, truth, amount } of this.tasks.values()) {
      // What lingers after its end is no load any more, as masters count.
      if (!truth.isAlive || ENDS.has(state)) continue;
      cpuMilli += amount.cpuMilli;
      memMb += amount.memMb;
    }
    return { cpuMilli, memMb };
  }

  // ---- tasks

  run(frameworkId: string, info: TaskInfo, amount: Amount): void {
    const taskId = info.task_id.value;
    if (this.tasks.has(taskId)) return;
    const { fate, lastsMs } = this.#ports.fateOf(taskId);
    const truth = this.#ports.judge.starts(taskId, fate, amount.memMb);
    const task: AgentTask = {
      taskId,
      frameworkId,
      amount,
      state: 'TASK_STAGING',
      truth,
      updates: [],
      timer: undefined,
      retry: undefined,
    };
    this.tasks.set(taskId, task);
    this.#checkLoad();
    if (fate.kind === 'launch-fails' || fate.kind === 'registry-refuses') {
      task.timer = this.#ports.time.after(50, () => this.#end(task));
      return;
    }
    this.#tell(task, 'TASK_STARTING');
    this.#tell(task, 'TASK_RUNNING');
    task.timer = this.#ports.time.after(lastsMs, () => this.#end(task));
  }

  #checkLoad(): void {
    const { cpuMilli, memMb } = this.used();
    if (cpuMilli > this.total.cpuMilli || memMb > this.total.memMb)
      this.#ports.judge.breach(
        `agent ${this.id} is overbooked: ${cpuMilli} milli-cpus, ${memMb} MB`,
      );
  }

  #end(task: AgentTask): void {
    const { truth } = task;
    if (!truth.isAlive || !this.isUp) return;
    const { fate } = truth;
    truth.isDone = fate.kind === 'exits' || fate.kind === 'untold' || fate.kind === 'out-of-memory';
    if (fate.kind === 'executor-dies') {
      truth.excuse = 'the executor died';
      this.#ports.time.after(this.#ports.chance.between(0, LINGER_MS_MAX), () => {
        truth.isAlive = false;
      });
    } else truth.isAlive = false;
    if (fate.kind === 'drained') truth.excuse = 'drained';
    if (fate.kind === 'registry-refuses') truth.excuse = 'the registry refused';
    const { state, reason, message } = endOf(fate);
    this.#tell(task, state, message, reason);
  }

  /** SIGTERM now; the process ends when it likes, within the grace. */
  kill(taskId: string): void {
    const task = this.tasks.get(taskId);
    if (task === undefined || !task.truth.isAlive || task.truth.excuse !== null) return;
    this.#ports.judge.kills(task.truth);
    if (task.truth.kills > 1) return;
    this.#tell(task, 'TASK_KILLING');
    this.#ports.time.after(this.#ports.chance.between(0, 5_000), () => {
      if (!task.truth.isAlive || !this.isUp) return;
      task.truth.isAlive = false;
      task.timer?.cancel();
      task.truth.excuse ??= 'killed';
      this.#tell(task, 'TASK_KILLED', 'Command terminated with signal Terminated');
    });
  }

  // ---- updates

  #tell(task: AgentTask, state: TaskState, message?: string, reason?: TaskStatusReason): void {
    task.state = state;
    this.#uuids += 1;
    const uuid = Buffer.from(`${this.host}-${this.#uuids}`.padEnd(16, '.').slice(0, 16));
    task.updates.push({
      task_id: { value: task.taskId },
      state,
      source: 'SOURCE_EXECUTOR',
      agent_id: { value: this.id },
      timestamp: this.#ports.time.nowMs / 1_000,
      uuid: uuid.toString('base64'),
      ...(message === undefined ? {} : { message }),
      ...(reason === undefined ? {} : { reason }),
    });
    if (task.updates.length === 1) this.#send(task, RETRY_MS_MIN);
  }

  #send(task: AgentTask, retryMs: number): void {
    task.retry?.cancel();
    const first = task.updates[0];
    if (first === undefined || !this.isUp) return;
    this.#ports.master(this)?.updated(this, task.frameworkId, first);
    this.#sent.push({ frameworkId: task.frameworkId, status: first });
    if (this.#sent.length > SENT_KEPT) this.#sent.shift();
    task.retry = this.#ports.time.after(retryMs, () =>
      this.#send(task, Math.min(2 * retryMs, RETRY_MS_MAX)),
    );
  }

  /** A new master, or a new subscription of the framework: what waits is sent again. */
  resend(frameworkId: string): void {
    for (const task of this.tasks.values())
      if (task.frameworkId === frameworkId) this.#send(task, RETRY_MS_MIN);
  }

  acknowledged(taskId: string, uuid: string): void {
    const task = this.tasks.get(taskId);
    if (task?.updates[0]?.uuid !== uuid) return;
    task.updates.shift();
    task.retry?.cancel();
    if (task.updates.length > 0) this.#send(task, RETRY_MS_MIN);
    else if (ENDS.has(task.state)) this.tasks.delete(taskId);
  }

  /** Sends once more what it sent some time ago. */
  repeat(chance: Chance): void {
    const update = chance.pick(this.#sent);
    if (update !== undefined)
      this.#ports.master(this)?.updated(this, update.frameworkId, update.status);
  }

  // ---- disasters

  /** Power fails: every process of it dies at once, and what was not acknowledged is forgotten. */
  fail(why: string): void {
    this.isUp = false;
    for (const task of this.tasks.values()) {
      task.timer?.cancel();
      task.retry?.cancel();
      task.truth.isAlive = false;
      task.truth.excuse ??= why;
    }
    this.tasks.clear();
    this.#sent.length = 0;
  }

  /** The agent leaves in good order; its processes are ended, which takes a while. */
  leave(): void {
    for (const task of this.tasks.values()) {
      task.timer?.cancel();
      task.retry?.cancel();
      task.truth.excuse ??= 'the agent left';
      this.#ports.time.after(this.#ports.chance.between(0, LINGER_MS_MAX), () => {
        task.truth.isAlive = false;
      });
    }
    this.tasks.clear();
    this.#sent.length = 0;
    this.isUp = false;
  }

  comeBack(id: string): void {
    this.id = id;
    this.isUp = true;
    this.isCutOff = false;
  }
}

interface End {
  readonly state: TaskState;
  readonly reason?: TaskStatusReason;
  readonly message?: string;
}

/** In a real agent's words. */
function endOf(fate: Fate): End {
  switch (fate.kind) {
    case 'exits':
      return {
        state: fate.code === 0 ? 'TASK_FINISHED' : 'TASK_FAILED',
        message: `Command exited with status ${fate.code}`,
        ...(fate.code === 0 ? {} : { reason: 'REASON_COMMAND_EXECUTOR_FAILED' }),
      };
    case 'untold':
      return { state: 'TASK_FAILED', message: 'Container terminated' };
    case 'out-of-memory':
      return {
        state: 'TASK_FAILED',
        reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
        message: 'Memory limit exceeded',
      };
    case 'launch-fails':
      return {
        state: 'TASK_FAILED',
        reason: 'REASON_CONTAINER_LAUNCH_FAILED',
        message: 'Failed to launch container: no such image',
      };
    case 'registry-refuses':
      return {
        state: 'TASK_FAILED',
        reason: 'REASON_CONTAINER_LAUNCH_FAILED',
        message: "Failed to launch container: Failed to run 'docker pull x': toomanyrequests",
      };
    case 'executor-dies':
      return {
        state: 'TASK_FAILED',
        reason: 'REASON_EXECUTOR_TERMINATED',
        message: 'Abnormal executor termination',
      };
    case 'drained':
      return { state: 'TASK_KILLED', message: 'The agent is drained' };
  }
}
