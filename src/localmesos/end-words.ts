/** How the end of a task is put into words and states: the texts are those of a real agent. */

import { unreachable } from '../core/assert.js';
import type { TaskState, TaskStatusReason, TaskStatusSource } from '../mesos/messages.js';
import type { End } from './containerizer.js';
import type { Task } from './task.js';

/** Names as C libraries give them, at the index of the signal's number. */
const SIGNALS = [
  '',
  'Hangup',
  'Interrupt',
  'Quit',
  'Illegal instruction',
  'Trace/breakpoint trap',
  'Aborted',
  'Bus error',
  'Floating point exception',
  'Killed',
  'User defined signal 1',
  'Segmentation fault',
  'User defined signal 2',
  'Broken pipe',
  'Alarm clock',
  'Terminated',
  'Stack fault',
  'Child exited',
  'Continued',
  'Stopped (signal)',
  'Stopped',
  'Stopped (tty input)',
  'Stopped (tty output)',
  'Urgent I/O condition',
  'CPU time limit exceeded',
  'File size limit exceeded',
  'Virtual timer expired',
  'Profiling timer expired',
  'Window changed',
  'I/O possible',
  'Power failure',
  'Bad system call',
];

export const signalName = (signal: number): string => SIGNALS[signal] ?? `Unknown signal ${signal}`;

export interface EndWords {
  readonly state: TaskState;
  readonly message: string;
  readonly source: TaskStatusSource;
  readonly reason?: TaskStatusReason;
}

/** @param noun `Command` or `Container` */
export function endWords(task: Task, end: End, noun: string): EndWords {
  switch (end.kind) {
    case 'exited':
      return {
        state: end.code === 0 ? 'TASK_FINISHED' : byWish(task),
        message: `${noun} exited with status ${end.code}`,
        source: 'SOURCE_EXECUTOR',
        ...(end.code === 0 ? {} : wishReason(task)),
      };
    case 'signaled':
      return {
        state: byWish(task),
        message: `${noun} terminated with signal ${signalName(end.signal)}`,
        source: 'SOURCE_EXECUTOR',
        ...wishReason(task),
      };
    case 'out-of-memory':
      return {
        state: 'TASK_FAILED',
        message: `${noun} exited with status ${end.code}: memory limit exceeded`,
        source: 'SOURCE_AGENT',
        reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
      };
    case 'launch-failed':
      return {
        state: 'TASK_FAILED',
        message: `Failed to launch container: ${end.message}`,
        source: 'SOURCE_AGENT',
        reason: 'REASON_CONTAINER_LAUNCH_FAILED',
      };
    case 'no-account': {
      const state = task.framework.can('PARTITION_AWARE') ? 'TASK_DROPPED' : 'TASK_LOST';
      const reason = 'REASON_EXECUTOR_TERMINATED';
      return { state, message: end.message, source: 'SOURCE_AGENT', reason };
    }
    case 'lost':
      return {
        state: 'TASK_FAILED',
        message: end.message,
        source: 'SOURCE_AGENT',
        reason: 'REASON_EXECUTOR_TERMINATED',
      };
    default:
      return unreachable(end);
  }
}

/** A task that ends badly after a kill was killed; one that ran out of its time failed. */
const byWish = (task: Task): TaskState =>
  task.endWanted === 'kill' ? 'TASK_KILLED' : 'TASK_FAILED';

const wishReason = (task: Task): { reason?: TaskStatusReason } =>
  task.endWanted === 'max-completion-time' ? { reason: 'REASON_MAX_COMPLETION_TIME_REACHED' } : {};
