/** `/queues`: the queues of the site, who may use them, and their load. */
import { z } from 'zod';
import { durationText } from '../../core/duration.js';
import { PROJECT_OF_ALL } from '../../core/policy.js';
import { projectId } from '../../core/units.js';
import { projectsOf } from '../membership.js';
import { isOpen } from '../queue-request.js';
import { type Call, json, type Route, route } from '../route.js';
import { shape, whole } from '../schemas/answer.js';

const QUEUE = shape({
  name: z.string(),
  description: z.string(),
  executor: z.string().nullable(),
  constraints: z.array(z.string()).meta({ description: 'As in labels: `name==value`.' }),
  priority: whole,
  open_to: z.array(z.string()).meta({ description: 'Projects of yours whose jobs may name it.' }),
  max_running: whole.nullable(),
  max_running_per_user: whole.nullable(),
  default_lifespan: z.string().nullable(),
  max_lifespan: z.string().nullable(),
  load: shape({ waiting: whole, running: whole })
    .nullable()
    .meta({ description: 'Null: no scheduler has told.' }),
});

export const QUEUE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/queues',
    tag: 'site',
    access: 'signed-in',
    summary: 'List the queues of the site',
    answers: { 200: json(z.array(QUEUE), 'In the order of the configuration.') },
    examples: [{ name: 'all queues', answer: [{ name: 'night' }] }],
    handle: queues,
  }),
];

async function queues({ deps, person }: Call<'signed-in'>) {
  const mine = [PROJECT_OF_ALL, ...(await projectsOf(deps, person.id)).map(({ id }) => id)];
  const facts = await deps.shares();
  const loads = new Map(facts?.queues?.map((load) => [load.name, load]));
  return deps.config.limits.queues.map((queue) => {
    const load = loads.get(queue.name);
    const { lifespanMsDefault, lifespanMsMax } = queue;
    return {
      name: queue.name,
      description: queue.description,
      executor: queue.executor,
      constraints: queue.constraints.map(({ name, value }) => `${name}==${value}`),
      priority: queue.priority,
      // The projects of the asker whose jobs may name it.
      open_to: mine.filter((project) => isOpen(queue, person, projectId(project))),
      max_running: queue.maxRunning,
      max_running_per_user: queue.maxRunningPerUser,
      default_lifespan: lifespanMsDefault === null ? null : durationText(lifespanMsDefault),
      max_lifespan: lifespanMsMax === null ? null : durationText(lifespanMsMax),
      // Null: no scheduler has told.
      load: load === undefined ? null : { waiting: load.waiting, running: load.running },
    };
  });
}
