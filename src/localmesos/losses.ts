/** In what words a master tells of tasks that are lost with their agent, and when an agent that starts anew is back. */
import type { TaskState, TaskStatusReason } from '../mesos/messages.js';
import type { Agent } from './agent.js';

export interface LossWords {
  readonly state: TaskState;
  readonly reason: TaskStatusReason;
  readonly message: string;
}

/** Whether what runs on the agent can only be lost: nobody hears how it really ends. */
export const isLosing = ({ condition }: Agent): boolean =>
  condition !== 'here' && condition !== 'away';

/** Frameworks that do not know of partitions hear LOST whatever the cause. */
export function lossOf(agent: Agent, isPartitionAware: boolean): LossWords {
  const known = (state: TaskState): TaskState => (isPartitionAware ? state : 'TASK_LOST');
  switch (agent.condition) {
    case 'rebooting':
      return {
        state: known('TASK_GONE'),
        reason: 'REASON_RECONCILIATION',
        message: 'Reconciliation: Task is unknown to the agent',
      };
    case 'replaced':
      return {
        state: 'TASK_LOST',
        reason: 'REASON_AGENT_REMOVED',
        message: `Agent ${agent.hostname} removed: a new agent registered at the same address`,
      };
    case 'down':
      return {
        state: 'TASK_LOST',
        reason: 'REASON_AGENT_REMOVED',
        message: `Agent ${agent.hostname} removed: operator initiated 'Machine DOWN'`,
      };
    default:
      return {
        state: known('TASK_GONE_BY_OPERATOR'),
        reason: 'REASON_AGENT_REMOVED_BY_OPERATOR',
        message: 'Agent has been marked gone',
      };
  }
}

/** Ends the reboot of an agent that nothing runs on any more. Whether it was one. */
export function isBackAfterReboot(agent: Agent): boolean {
  if (agent.condition !== 'rebooting' || agent.tasks.size > 0) return false;
  agent.condition = 'here';
  return true;
}
