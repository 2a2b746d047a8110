/** What agents say and hear of a task, made of what the master has in its books. */
import type { ContainerStatus, KillPolicy, TaskState, TaskStatus } from '../mesos/messages.js';
import { scalarOf } from './amounts.js';
import type { Launch } from './containerizer.js';
import type { Task } from './task.js';

const NANOSECONDS_PER_MS = 1e6;

/** An update that must be acknowledged. */
export function agentStatus(
  task: Task,
  said: Partial<TaskStatus> & { readonly state: TaskState },
  { atMs, uuid }: { atMs: number; uuid: string },
): TaskStatus {
  const { state, message, reason, data, source = 'SOURCE_EXECUTOR' } = said;
  return {
    task_id: { value: task.id },
    state,
    ...(message === undefined ? {} : { message }),
    source,
    ...(reason === undefined ? {} : { reason }),
    ...(data === undefined ? {} : { data }),
    agent_id: { value: task.agent.id },
    executor_id: { value: task.executorId },
    timestamp: atMs / 1_000,
    uuid: Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64'),
    ...(source === 'SOURCE_AGENT' ? {} : { container_status: task.containerStatus }),
  };
}

export const millisecondsOf = (nanoseconds: number): number => nanoseconds / NANOSECONDS_PER_MS;

/** What a kill policy grants, if it says. */
export const graceOf = (policy: KillPolicy | undefined): number | undefined =>
  policy?.grace_period === undefined ? undefined : millisecondsOf(policy.grace_period.nanoseconds);

export const launchOf = (task: Task): Launch => ({
  containerId: task.containerId,
  frameworkId: task.framework.id,
  agentId: task.agent.id,
  info: task.info,
  memMb: Math.round(scalarOf(task.amount, 'mem') / 1_000),
  cpuMilli: scalarOf(task.amount, 'cpus'),
  bootId: task.bootId,
});

export function containerStatus(task: Task, ip: string, pid: number | null): ContainerStatus {
  const { containerId, group } = task;
  const parent = group === null ? {} : { parent: { value: group.containerId } };
  return {
    container_id: { value: containerId, ...parent },
    network_infos: [{ ip_addresses: [{ protocol: 'IPv4', ip_address: ip }] }],
    ...(pid === null ? {} : { executor_pid: pid }),
  };
}
