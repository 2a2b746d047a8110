/** `/queues`: the queues of the site, who may use them, and their load. */
import { durationText } from '../../core/duration.js';
import { PROJECT_OF_ALL } from '../../core/policy.js';
import { projectId } from '../../core/units.js';
import { projectsOf } from '../membership.js';
import { isOpen } from '../queue-request.js';
import type { Routes } from '../routes.js';

export function queueRoutes({ deps, router, signedIn }: Routes): void {
  router.get('/queues', async (context) => {
    const person = await signedIn(context);
    const mine = [PROJECT_OF_ALL, ...(await projectsOf(deps, person.id)).map(({ id }) => id)];
    const facts = await deps.shares();
    const loads = new Map(facts?.queues?.map((load) => [load.name, load]));
    context.body = deps.config.limits.queues.map((queue) => {
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
  });
}
