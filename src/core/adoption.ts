/**
 * Tasks of a job that its record does not know: a restored backup has forgotten the latest launches. Each launch carries
 * its origin as a label, so that what runs can be given back to its job, and to no other that got the same id since.
 */
import type { Job, Placement } from './job.js';
import { type AgentId, type Instant, parseTaskId, type TaskId } from './units.js';

export const ORIGIN_LABEL = 'godocker.origin';
export const INSTALLATION_LABEL = 'godocker.installation';

/** What a task tells of its launch. Ids may be given out again after a backup was restored: owner and time tell jobs apart. */
export interface Origin {
  readonly owner: string;
  readonly submittedAt: number;
  readonly host: string;
  readonly ports: readonly number[];
  readonly directory: string;
}

/** The label's text, for a job that is about to be launched. */
export function originText(
  { owner, submittedAt }: Pick<Job, 'owner' | 'submittedAt'>,
  { host, ports }: Placement,
  directory: string,
): string {
  return JSON.stringify({ owner, submittedAt, host, ports, directory } satisfies Origin);
}

/** Reads a label; undefined when it is none of ours. */
export function readOrigin(text: string | undefined): Origin | undefined {
  if (text === undefined) return undefined;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isOrigin(found) ? found : undefined;
}

function isOrigin(found: unknown): found is Origin {
  if (typeof found !== 'object' || found === null) return false;
  const { owner, submittedAt, host, ports, directory } = found as Partial<Record<string, unknown>>;
  return (
    typeof owner === 'string' &&
    typeof submittedAt === 'number' &&
    typeof host === 'string' &&
    Array.isArray(ports) &&
    ports.every((port) => Number.isSafeInteger(port)) &&
    typeof directory === 'string'
  );
}

/** Whether that task is a launch of this very job. */
export const isOriginOf = (
  { owner, submittedAt }: Origin,
  job: Pick<Job, 'owner' | 'submittedAt'>,
): boolean => owner === job.owner && submittedAt === job.submittedAt;

/**
 * Whether the record knows this launch and has let go of it. Not so: the record is older than the launch, or is of
 * another job with the same id.
 */
export function isSuperseded(record: Job, launch: number): boolean {
  if (launch < record.launches) return true;
  // The cluster refused our launch of that number because of a task that we had not launched.
  return launch === record.launches && !isNumberTaken(record);
}

const isNumberTaken = (record: Job): boolean =>
  record.state === 'pending' && record.isNumberTaken === true;

/** Whether a waiting job may take that launch as its own. */
export const mayAdopt = (record: Job, launch: number): boolean =>
  record.state === 'pending' && !isSuperseded(record, launch);

/** Where the adopted task runs. `at`: when it was found, since nobody knows when it was placed. */
export const adoptedPlacement = (
  origin: Origin,
  {
    taskId,
    executor,
    agentId,
    at,
  }: {
    readonly taskId: TaskId;
    readonly executor: string;
    readonly agentId: AgentId;
    readonly at: Instant;
  },
): Placement => ({
  taskId,
  executor,
  agentId,
  host: origin.host,
  placedAt: at,
  ports: origin.ports,
});

/** Of a task id that we made or have parsed already. */
export const launchOf = (taskId: TaskId): number => parseTaskId(taskId)?.launch ?? 0;
