/** Which projects somebody is in. `default` is everybody's and no record. */
import type { Person } from '../contracts/auth.js';
import { ServiceError } from '../contracts/errors.js';
import type { ProjectRecord, ProjectStore } from '../contracts/store.js';
import type { Job } from '../core/job.js';
import { PROJECT_OF_ALL } from '../core/policy.js';
import { type ProjectId, projectId, type UserId } from '../core/units.js';
import type { ApiDeps } from './deps.js';

export const isDefaultProject = (id: ProjectId): boolean => id === PROJECT_OF_ALL;

/** The project a job will count for. @throws ServiceError bad-field: none of that name that one is in. */
export async function projectFor(
  { store }: { readonly store: Pick<ProjectStore, 'project'> },
  person: Person,
  asked: string | null | undefined,
): Promise<ProjectId> {
  if (asked === undefined || asked === null || asked === '') return PROJECT_OF_ALL;
  const id = projectId(asked);
  if (isDefaultProject(id)) return id;
  const project = await store.project(id);
  // The same words whether it is there or not: who is no member learns nothing of it.
  if (project?.members.includes(person.id) !== true)
    throw new ServiceError('bad-field', `user.project: you are in no project "${asked}"`, {
      field: 'user.project',
    });
  return id;
}

/** Whether jobs that count for a project are the business of all its members, and this is one. `default` is nobody's own. */
export async function isShared(
  { store, config }: Pick<ApiDeps, 'store' | 'config'>,
  person: Person,
  id: ProjectId,
): Promise<boolean> {
  if (!config.jobs.areShared || isDefaultProject(id)) return false;
  const project = await store.project(id);
  return project?.members.includes(person.id) === true;
}

/** What others of one's project may see and steer, and not throw away. @throws ServiceError `forbidden` */
export function mustBeOwn(person: Person, job: Pick<Job, 'owner'>, what: string): void {
  if (job.owner !== person.id && !person.isAdmin)
    throw new ServiceError('forbidden', `only its owner may ${what} it`, { field: 'id' });
}

/** Those that name the user as a member, in order of id; `default` is not among them. */
export async function projectsOf(
  { store }: { readonly store: Pick<ProjectStore, 'projects'> },
  user: UserId,
): Promise<readonly ProjectRecord[]> {
  return (await store.projects()).filter(({ members }) => members.includes(user));
}
