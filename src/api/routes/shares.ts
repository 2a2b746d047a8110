/** `/share`: why one goes before another; and what users and projects used, day by day, as the original told it. */
import { ServiceError } from '../../contracts/errors.js';
import type { UseQuery } from '../../contracts/store.js';
import { instant, type ProjectId, projectId, userId } from '../../core/units.js';
import { DAY_MS, dayOf } from '../../core/usage.js';
import { queryValue } from '../context.js';
import type { ApiDeps } from '../deps.js';
import { isDefaultProject, projectsOf } from '../membership.js';
import { personFor } from '../people.js';
import type { Routes } from '../routes.js';
import { type Chosen, shareReport } from '../shares.js';

/** Days of use that are told. */
const USAGE_DAYS = 30;

export function shareRoutes({ deps, router, signedIn }: Routes): void {
  router.get('/share', async (context) => {
    const person = await signedIn(context);
    const user = queryValue(context, 'user');
    const project = queryValue(context, 'project');
    const mine = new Set((await projectsOf(deps, person.id)).map(({ id }): string => id));
    if (project !== undefined)
      await mustSeeProject(deps, projectId(project), person.isAdmin || mine.has(project));
    const facts = await deps.shares();
    if (facts === undefined)
      throw new ServiceError(
        'cluster-unavailable',
        'no scheduler has told yet how everybody stands',
      );
    // Administrators may ask about accounts that are gone: their use is still there.
    const isKnown = person.isAdmin && facts.users.some(([id]) => id === user);
    if (user !== undefined && !isKnown) await personFor(deps, person, user);
    const maySee: Chosen = (row) =>
      person.isAdmin || row.user === person.id || (row.project !== null && mine.has(row.project));
    const isAskedFor: Chosen = (row) =>
      (user === undefined || row.user === null || row.user === user) &&
      (project === undefined || row.project === null || row.project === project);
    context.body = shareReport(facts, deps.policy, (row) => maySee(row) && isAskedFor(row));
  });

  router.get('/user/:id/usage', async (context) => {
    const { id } = await personFor(deps, await signedIn(context), context.params.id);
    context.body = await byDay(deps, { owner: userId(id) });
  });

  router.get('/project/:id/usage', async (context) => {
    const person = await signedIn(context);
    const id = projectId(context.params.id ?? '');
    const project = isDefaultProject(id) ? undefined : await deps.store.project(id);
    await mustSeeProject(deps, id, person.isAdmin || project?.members.includes(person.id) === true);
    context.body = await byDay(deps, { project: id });
  });
}

/** Who is no member learns nothing of a project. */
async function mustSeeProject({ store }: ApiDeps, id: ProjectId, maySee: boolean): Promise<void> {
  const isThere = isDefaultProject(id) || (await store.project(id)) !== undefined;
  if (!maySee || !isThere)
    throw new ServiceError('project-not-found', `no project "${id.slice(0, 80)}"`, {
      field: 'project',
    });
}

/** Jobs that ended, by UTC day; the historic shape, and GPUs. */
async function byDay({ store, clock }: ApiDeps, whose: Omit<UseQuery, 'since'>) {
  const since = instant((dayOf(clock.now()) - USAGE_DAYS + 1) * DAY_MS);
  const days = new Map<
    number,
    { date: string; cpu: number; ram: number; time: number; gpus: number }
  >();
  for (const use of await store.used({ since, ...whose })) {
    const day = dayOf(use.endedAt);
    const sum = days.get(day) ?? { date: dateOf(day), cpu: 0, ram: 0, time: 0, gpus: 0 };
    sum.cpu += use.cpuMilli / 1_000;
    sum.ram += use.memMb / 1_000;
    sum.time += use.timeMs / 1_000;
    sum.gpus += use.gpus;
    days.set(day, sum);
  }
  return [...days.values()];
}

/** As the original wrote days: `2026_3_7`. */
function dateOf(day: number): string {
  const date = new Date(day * DAY_MS);
  return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()].join('_');
}
