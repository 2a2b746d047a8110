/** Projects: made and changed by administrators, seen by their members, in the historic shapes. */

import type { AuditFacts } from '../../contracts/audit.js';
import { ServiceError } from '../../contracts/errors.js';
import { DESCRIPTION_CHARS_MAX, PROJECT_MEMBERS_MAX } from '../../contracts/limits.js';
import type { ProjectRecord } from '../../contracts/store.js';
import { auditChanges } from '../../core/audit.js';
import type { JobState } from '../../core/job.js';
import { PRIO_USUAL } from '../../core/policy.js';
import { type ProjectId, projectId, type UserId, userId } from '../../core/units.js';
import { audited } from '../audit.js';
import { readObject } from '../body.js';
import type { RouteContext } from '../context.js';
import type { ApiDeps } from '../deps.js';
import { diskToWire, takenBy } from '../disk.js';
import { isDefaultProject } from '../membership.js';
import { mustBeAdmin } from '../people.js';
import { quotaReport } from '../quota-report.js';
import { resetQuota } from '../quota-reset.js';
import type { Routes } from '../routes.js';
import { readShare, shareFacts } from '../share-fields.js';
import { DEFAULT_PROJECT, projectToWire } from '../wire.js';

const NAME = /^[a-z0-9_][a-z0-9_.-]{0,63}$/i;
const ACTIVE: readonly JobState[] = ['pending', 'launching', 'running', 'killing', 'unreachable'];

export function projectRoutes({ deps, router, signedIn }: Routes): void {
  const { store } = deps;

  router.get('/project', async (context) => {
    mustBeAdmin(await signedIn(context), 'list all projects');
    const toWire = await withDisk(deps);
    context.body = [DEFAULT_PROJECT, ...(await store.projects()).map(toWire)];
  });

  router.post('/project', async (context) => {
    mustBeAdmin(await signedIn(context), 'make projects');
    const body = await readObject(context.req);
    const id = readName(body.id);
    if (isDefaultProject(id) || (await store.project(id)) !== undefined)
      throw new ServiceError('name-taken', `there is a project "${id}"`, { field: 'id' });
    const project = await readProject(deps, body, {
      id,
      description: '',
      prio: PRIO_USUAL,
      members: [],
      quotas: { time: 0, cpu: 0, ram: 0 },
      createdAt: deps.clock.now(),
    });
    const facts = projectChanges(null, project);
    const subject = { kind: 'project', id } as const;
    await audited({ context, deps }, { act: 'project.create', subject, facts }, () =>
      store.putProject(project),
    );
    context.body = { msg: 'Project added', id };
  });

  router.get('/project/:id', async (context) => {
    const person = await signedIn(context);
    if (context.params.id === DEFAULT_PROJECT.id) {
      context.body = DEFAULT_PROJECT;
      return;
    }
    const project = await projectAt(context);
    if (!person.isAdmin && !project.members.includes(person.id)) throw notFound(project.id);
    context.body = (await withDisk(deps))(project);
  });

  // The old command line sends the whole document back, with POST.
  router.post('/project/:id', change);
  router.put('/project/:id', change);

  async function change(context: RouteContext): Promise<void> {
    mustBeAdmin(await signedIn(context), 'change projects');
    const before = await projectAt(context);
    const after = await readProject(deps, await readObject(context.req), before);
    const facts = projectChanges(before, after);
    const subject = { kind: 'project', id: before.id } as const;
    await audited({ context, deps }, { act: 'project.change', subject, facts }, () =>
      store.putProject(after),
    );
    context.body = { msg: 'Project updated', id: before.id };
  }

  router.delete('/project/:id', async (context) => {
    mustBeAdmin(await signedIn(context), 'delete projects');
    const { id } = await projectAt(context);
    const active = await store.list({ project: id, states: ACTIVE, limit: 1 });
    if (active.length > 0)
      throw new ServiceError('wrong-state', `project "${id}" has jobs that wait or run`, { id });
    const subject = { kind: 'project', id } as const;
    await audited({ context, deps }, { act: 'project.delete', subject }, () =>
      store.deleteProject(id),
    );
    context.body = { msg: 'Project deleted', id };
  });

  router.get('/project/:id/quota', async (context) => {
    const person = await signedIn(context);
    const { id, members, quotas } = await projectAt(context);
    if (!person.isAdmin && !members.includes(person.id)) throw notFound(id);
    context.body = await quotaReport(deps, { project: id }, quotas);
  });

  // The old command line's `quota_reset`.
  router.delete('/project/:id/quota', async (context) => {
    const person = await signedIn(context);
    mustBeAdmin(person, 'reset quotas');
    const { id } = await projectAt(context);
    await resetQuota({ context, deps }, { project: id }, person);
    context.body = { msg: 'Quota reset', id };
  });

  /** @throws ServiceError project-not-found; forbidden: `default` is nobody's to change */
  async function projectAt(context: RouteContext): Promise<ProjectRecord> {
    const id = projectId(context.params.id ?? '');
    if (isDefaultProject(id))
      throw new ServiceError('forbidden', 'the project "default" is fixed: everybody is in it');
    const project = await store.project(id);
    if (project === undefined) throw notFound(id);
    return project;
  }
}

/** Projects with what their job directories take. */
export async function withDisk({ store }: Pick<ApiDeps, 'store'>) {
  const taken = await takenBy(store);
  return (project: ProjectRecord) =>
    projectToWire(project, diskToWire(taken.project(project.id), project.quotas, null));
}

const notFound = (id: ProjectId): ServiceError =>
  new ServiceError('project-not-found', `no project "${id.slice(0, 80)}"`, { field: 'id' });

function readName(found: unknown): ProjectId {
  if (typeof found === 'string' && NAME.test(found)) return projectId(found);
  throw new ServiceError(
    'bad-field',
    'id must be 1 to 64 letters, digits, dots, dashes and underscores',
    { field: 'id' },
  );
}

function projectChanges(before: ProjectRecord | null, after: ProjectRecord): AuditFacts {
  const factsOf = (project: ProjectRecord | null) =>
    project === null
      ? {}
      : {
          description: project.description,
          members: project.members,
          ...shareFacts(project),
        };
  return auditChanges(factsOf(before), factsOf(after));
}

/** What the body names replaces what was. */
async function readProject(
  deps: ApiDeps,
  body: Readonly<Record<string, unknown>>,
  before: ProjectRecord,
): Promise<ProjectRecord> {
  const { description = before.description, volumes } = body;
  if (typeof description !== 'string' || [...description].length > DESCRIPTION_CHARS_MAX)
    throw new ServiceError(
      'bad-field',
      `description must be a text of at most ${DESCRIPTION_CHARS_MAX} characters`,
      { field: 'description' },
    );
  if (Array.isArray(volumes) && volumes.length > 0)
    throw new ServiceError('not-supported', 'volumes: projects have no volumes in this version', {
      field: 'volumes',
    });
  const members = await readMembers(deps, body.members, before.members);
  return { ...before, description, members, ...readShare(body, before) };
}

/** Those who were members stay so unasked: an account that has left must not block every change. */
async function readMembers(
  { auth }: ApiDeps,
  found: unknown,
  before: readonly UserId[],
): Promise<readonly UserId[]> {
  const refuse = (why: string, field = 'members'): never => {
    throw new ServiceError('bad-field', `${field}: ${why}`, { field });
  };
  const given = found ?? before;
  if (!Array.isArray(given) || given.length > PROJECT_MEMBERS_MAX)
    return refuse(`a list of at most ${PROJECT_MEMBERS_MAX} logins`);
  const members = new Set<UserId>();
  for (const [index, login] of given.entries()) {
    const field = `members[${index}]`;
    if (typeof login !== 'string') return refuse('must be a login', field);
    const isNew = !before.includes(userId(login));
    if (isNew && (await auth.user(login)) === undefined)
      return refuse(`no user "${login.slice(0, 80)}"`, field);
    members.add(userId(login));
  }
  if (members.size === 0) refuse('a project has at least one member');
  return [...members];
}
