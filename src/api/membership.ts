/** Which projects somebody is in. `default` is everybody's and no record. */
import type { Person } from '../contracts/auth.js';
import { ServiceError } from '../contracts/errors.js';
import type { ProjectRecord, ProjectStore } from '../contracts/store.js';
import { PROJECT_OF_ALL } from '../core/policy.js';
import { type ProjectId, projectId, type UserId } from '../core/units.js';

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

/** Those that name the user as a member, in order of id; `default` is not among them. */
export async function projectsOf(
  { store }: { readonly store: Pick<ProjectStore, 'projects'> },
  user: UserId,
): Promise<readonly ProjectRecord[]> {
  return (await store.projects()).filter(({ members }) => members.includes(user));
}
