/** One task in the master's books, with the updates that wait for acknowledgement. */
import type { ContainerStatus, TaskInfo, TaskState, TaskStatus } from '../mesos/messages.js';
import type { Agent } from './agent.js';
import type { Amount } from './amounts.js';
import type { Framework } from './framework.js';

/** First resend of an unacknowledged update, doubled each time up to the second number. */
export const RESEND_MS_MIN = 10_000;
export const RESEND_MS_MAX = 600_000;

export interface Task {
  readonly id: string;
  readonly framework: Framework;
  readonly agent: Agent;
  readonly role: string;
  readonly info: TaskInfo;
  readonly executorId: string;
  readonly containerId: string;
  readonly amount: Amount;
  readonly bootId: string;
  readonly group: TaskGroup | null;
  /** The latest, whether the framework was told or not. */
  state: TaskState;
  /** What the framework was told last. */
  told: TaskState;
  containerStatus: ContainerStatus;
  /** Updates not yet acknowledged; the first is on its way, the others are held back. */
  readonly unacknowledged: TaskStatus[];
  /** For `/state`. */
  readonly history: TaskStatus[];
  resendAtMs: number;
  resendMs: number;
  /** Why the node itself wanted its end. */
  endWanted: 'kill' | 'max-completion-time' | null;
  /** Its resources were given back. */
  isReleased: boolean;
}

/** Tasks of one LAUNCH_GROUP: they live and die together. */
export interface TaskGroup {
  readonly executorId: string;
  readonly containerId: string;
  readonly live: Set<Task>;
}

const TERMINAL: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
]);

export const isTerminal = (state: TaskState): boolean => TERMINAL.has(state);
