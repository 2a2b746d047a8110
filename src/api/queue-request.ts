/** Which executor and queue of the site a job names, and what that makes of it. */
import type { Person } from '../contracts/auth.js';
import type { Config, SiteQueue } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import type { Constraint } from '../core/job.js';
import type { ProjectId } from '../core/units.js';

const EXECUTOR = 'requirements.executor';
const LABEL = 'requirements.label';

export interface Route {
  /** Null: the first that is configured. */
  readonly executor: string | null;
  readonly queue: SiteQueue | null;
  /** Those of the job, without the name of its queue, and those of the queue. */
  readonly constraints: readonly Constraint[];
}

/**
 * `name[:queue[:docker]]` in `requirements.executor`, or a label `queue==name`. Where no queue is configured the label is
 * an attribute of agents like any other.
 * @throws ServiceError `bad-field`, `not-supported`, naming the field
 */
export function readRoute(
  asked: string | null | undefined,
  labelled: readonly Constraint[],
  config: Config,
): Route {
  const named = readExecutor(asked, config);
  const { queues } = config.limits;
  const labels = queues.length === 0 ? [] : labelled.filter(({ name }) => name === 'queue');
  const [label] = labels;
  const other = labels.find(({ value }) => value !== (named.queue?.name ?? label?.value));
  if (other !== undefined)
    refuse(LABEL, `queue==${other.value}: the job names another queue as well`);
  const queue = named.queue ?? (label === undefined ? null : queueOf(label.value, LABEL, queues));
  const executor = queue?.executor ?? named.executor;
  if (named.executor !== null && executor !== named.executor)
    refuse(EXECUTOR, `queue "${queue?.name}" belongs to executor ${executor}`);
  const own = labelled.filter((one) => !labels.includes(one));
  return { executor, queue, constraints: withThoseOf(queue, own) };
}

/** @throws ServiceError `forbidden` when the queue is for others */
export function mustBeOpen(
  queue: SiteQueue | null,
  person: Person,
  project: ProjectId,
  asked: string | null | undefined,
): void {
  if (queue === null || isOpen(queue, person, project)) return;
  const field = asked?.includes(':') ? EXECUTOR : LABEL;
  const detail = `${field}: queue "${queue.name}" is not for you in project ${project}`;
  throw new ServiceError('forbidden', detail, { field, queue: queue.name });
}

/** Whether a job of that person in that project may name it. Administrators get no exception: their jobs are jobs. */
export const isOpen = (
  { users, projects }: SiteQueue,
  { id }: Pick<Person, 'id'>,
  project: ProjectId,
): boolean =>
  (users.length === 0 && projects.length === 0) || users.includes(id) || projects.includes(project);

function readExecutor(
  asked: string | null | undefined,
  { plugins, limits }: Config,
): { readonly executor: string | null; readonly queue: SiteQueue | null } {
  if (asked === undefined || asked === null || asked === '') return { executor: null, queue: null };
  const [name = '', queue = '', mode = '', ...more] = asked.split(':');
  if (!plugins.executors.includes(name))
    refuse(EXECUTOR, `no executor "${name}"; there is ${plugins.executors.join(', ')}`);
  if (!['', 'docker'].includes(mode) || more.length > 0)
    throw new ServiceError('not-supported', `${EXECUTOR}: "${asked}" asks for a mode of its own`, {
      field: EXECUTOR,
    });
  const isNone =
    queue === '' || (queue === 'default' && !limits.queues.some((one) => one.name === queue));
  return { executor: name, queue: isNone ? null : queueOf(queue, EXECUTOR, limits.queues) };
}

function queueOf(name: string, field: string, queues: readonly SiteQueue[]): SiteQueue {
  const queue = queues.find((one) => one.name === name);
  if (queue !== undefined) return queue;
  const there = queues.map((one) => one.name).join(', ');
  return refuse(field, `no queue "${name}"; there is ${there === '' ? 'none' : there}`);
}

/** @throws ServiceError when the job asks for another value of an attribute than its queue gives it */
function withThoseOf(queue: SiteQueue | null, own: readonly Constraint[]): readonly Constraint[] {
  if (queue === null) return own;
  for (const { name, value } of queue.constraints) {
    const other = own.find((one) => one.name === name && one.value !== value);
    if (other !== undefined)
      refuse(LABEL, `${name}==${other.value}: jobs of queue "${queue.name}" get ${name}==${value}`);
  }
  const missing = queue.constraints.filter(
    ({ name }) => !own.some((constraint) => constraint.name === name),
  );
  return [...own, ...missing];
}

function refuse(field: string, why: string): never {
  throw new ServiceError('bad-field', `${field}: ${why}`, { field });
}
