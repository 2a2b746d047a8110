/** Mesos' reasons for the state of a task, in words for the job's owner. */

/**
 * One sentence for each reason of the protocol, by its name in kebab case without `REASON_`. Each says what happened,
 * and what it means for the job where that is not plain.
 */
export const CLUSTER_REASONS: Readonly<Record<string, string>> = {
  'command-executor-failed': 'The agent could not run the command of the job',
  'executor-terminated': 'The program that looks after the job on its agent ended unexpectedly',
  'executor-unregistered': 'The program that looks after the job ended before it was ready',
  'executor-registration-timeout': 'The job did not start on its agent in time',
  'executor-reregistration-timeout':
    'After a restart the agent did not find the program that looks after the job',
  'framework-removed': 'The cluster has removed GoDocker and ended all its jobs',
  'gc-error': 'The agent could not clean up the work directory before the job began',
  'invalid-frameworkid': 'The cluster does not know GoDocker under the name it used',
  'invalid-offers': 'The resources were withdrawn before the job reached them; nothing has run',
  'master-disconnected': 'The connection to the cluster broke before the job reached it',
  'container-limitation': 'The job used more of a resource than it asked for and was ended',
  'container-limitation-memory': 'The job used more memory than it asked for and was ended',
  'container-limitation-disk': 'The job used more disk space than it was given and was ended',
  reconciliation: 'The cluster said so when it was asked about the job',
  'agent-disconnected': 'The agent that ran the job lost its connection to the cluster',
  'agent-removed': 'The agent that ran the job was taken out of the cluster: it did not answer',
  'agent-removed-by-operator':
    'An administrator has removed the agent that ran the job from the cluster',
  'agent-reregistered': 'The agent that runs the job is back in the cluster',
  'agent-restarted': 'The agent that ran the job was restarted',
  'agent-unknown': 'The cluster does not know the agent that the job was sent to',
  'agent-draining': 'The agent is being emptied for maintenance',
  'task-invalid': 'The cluster found the description of the job invalid',
  'task-unauthorized': 'The cluster does not allow the job to run as this user',
  'task-unknown': 'The cluster does not know the job',
  'task-group-invalid': 'The cluster found the description of the group of tasks invalid',
  'task-group-unauthorized': 'The cluster does not allow the group of tasks to run as this user',
  'task-killed-during-launch': 'The job was killed before it had started',
  'task-check-status-updated': 'A check of the job has a new result',
  'task-health-check-status-updated': 'The health check of the job has a new result',
  'container-preempted': 'The job had to give its place to another one',
  'container-launch-failed': 'The container of the job could not be started',
  'container-update-failed': 'The agent could not change the limits of the container',
  'resources-unknown': 'The agent no longer has the resources that the job was given',
  'io-switchboard-exited': 'The program that carries the output of the job ended unexpectedly',
  'max-completion-time-reached': 'The job ran longer than it may',
};

/** Undefined for a reason of a newer cluster, or of another kind of cluster. */
export const clusterReason = (reason: string): string | undefined =>
  Object.hasOwn(CLUSTER_REASONS, reason) ? CLUSTER_REASONS[reason] : undefined;
