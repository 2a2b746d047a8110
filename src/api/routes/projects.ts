/** Projects: made and changed by administrators, seen by their members, in the historic shapes. */
import { z } from 'zod';
import type { AuditFacts } from '../../contracts/audit.js';
import { ServiceError } from '../../contracts/errors.js';
import type { ProjectRecord, ProjectStore } from '../../contracts/store.js';
import { auditChanges } from '../../core/audit.js';
import type { JobState } from '../../core/job.js';
import { PRIO_USUAL } from '../../core/policy.js';
import { projectId, type UserId, userId } from '../../core/units.js';
import { noProject } from '../access.js';
import { audited } from '../audit.js';
import type { ApiDeps } from '../deps.js';
import { diskToWire, takenBy } from '../disk.js';
import { PROJECT, section } from '../fields.js';
import { isDefaultProject } from '../membership.js';
import { quotaReport } from '../quota-report.js';
import { resetQuota } from '../quota-reset.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import {
  changed,
  PROJECT_DOCUMENT,
  PROJECT_FIELDS,
  PROJECT_NAME,
  QUOTA_REPORT,
} from '../schemas/people.js';
import { readShare, shareFacts } from '../share-fields.js';
import { DEFAULT_PROJECT, projectToWire } from '../wire.js';

const ACTIVE: readonly JobState[] = ['pending', 'launching', 'running', 'killing', 'unreachable'];

const NEW_PROJECT = section({ id: PROJECT_NAME, ...PROJECT_FIELDS });
const CHANGES = section(PROJECT_FIELDS);
type Changes = z.output<typeof CHANGES>;

export const PROJECT_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/project',
    tag: 'projects',
    access: 'admin',
    summary: 'List all projects',
    answers: { 200: json(z.array(PROJECT_DOCUMENT), 'In order of names, `default` first.') },
    examples: [{ name: 'all', answer: [{ id: 'default' }, {}, {}, {}] }],
    async handle({ deps }) {
      const toWire = await withDisk(deps);
      return [DEFAULT_PROJECT, ...(await deps.store.projects()).map(toWire)];
    },
  }),
  route({
    method: 'POST',
    path: '/project',
    tag: 'projects',
    access: 'admin',
    summary: 'Make a project',
    body: NEW_PROJECT,
    answers: { 200: json(changed('Project added')) },
    errors: ['name-taken', 'not-supported'],
    examples: [
      {
        name: 'a project of two',
        body: { id: 'omaha', description: 'Omaha beach', prio: 60, members: ['alice', 'bob'] },
        answer: { msg: 'Project added', id: 'omaha' },
      },
      {
        name: 'a name that is taken',
        body: { id: 'lambda', members: ['alice'] },
        status: 409,
        answer: { code: 'name-taken', field: 'id' },
      },
    ],
    handle: make,
  }),
  route({
    method: 'GET',
    path: '/project/:id',
    tag: 'projects',
    access: 'member-or-admin',
    summary: 'Show a project',
    params: PROJECT,
    answers: { 200: json(PROJECT_DOCUMENT) },
    examples: [
      { name: 'one of yours', params: { id: 'lambda' }, answer: { id: 'lambda' } },
      { name: 'the one of everybody', params: { id: 'default' }, answer: DEFAULT_PROJECT },
    ],
    handle: async ({ deps, project }) =>
      project === null ? DEFAULT_PROJECT : (await withDisk(deps))(project),
  }),
  route({
    method: 'POST',
    also: 'PUT',
    path: '/project/:id',
    tag: 'projects',
    access: 'admin',
    summary: 'Change a project',
    description: 'What the body names replaces what was. Old command lines send all of it back.',
    params: PROJECT,
    body: CHANGES,
    answers: { 200: json(changed('Project updated')) },
    errors: ['project-not-found', 'not-supported'],
    examples: [
      {
        name: 'another priority',
        params: { id: 'lambda' },
        body: { prio: 70 },
        answer: { msg: 'Project updated', id: 'lambda' },
      },
    ],
    async handle({ context, deps, params: { id }, body }) {
      const before = await projectAt(deps, id);
      const after = await readProject(deps, body, before);
      const facts = auditChanges(factsOf(before), factsOf(after));
      const subject = { kind: 'project', id: before.id } as const;
      await audited({ context, deps }, { act: 'project.change', subject, facts }, () =>
        deps.store.putProject(after),
      );
      return { msg: 'Project updated', id: before.id };
    },
  }),
  route({
    method: 'DELETE',
    path: '/project/:id',
    tag: 'projects',
    access: 'admin',
    summary: 'Delete a project',
    description: 'One without jobs that wait or run.',
    params: PROJECT,
    answers: { 200: json(changed('Project deleted')) },
    errors: ['project-not-found', 'wrong-state'],
    examples: [
      {
        name: 'an idle project',
        params: { id: 'idle' },
        answer: { msg: 'Project deleted', id: 'idle' },
      },
    ],
    async handle({ context, deps, params }) {
      const { store } = deps;
      const { id } = await projectAt(deps, params.id);
      const active = await store.list({ project: id, states: ACTIVE, limit: 1 });
      if (active.length > 0)
        throw new ServiceError('wrong-state', `project "${id}" has jobs that wait or run`, { id });
      const subject = { kind: 'project', id } as const;
      await audited({ context, deps }, { act: 'project.delete', subject }, () =>
        store.deleteProject(id),
      );
      return { msg: 'Project deleted', id };
    },
  }),
  route({
    method: 'GET',
    path: '/project/:id/quota',
    tag: 'projects',
    access: 'member-or-admin',
    summary: "Show what of a project's quotas is used",
    params: PROJECT,
    answers: { 200: json(QUOTA_REPORT) },
    errors: ['forbidden'],
    examples: [{ name: 'one of yours', params: { id: 'lambda' }, answer: { period: 'window' } }],
    async handle({ deps, project }) {
      if (project === null) throw isFixed();
      return quotaReport(deps, { project: project.id }, project.quotas);
    },
  }),
  route({
    method: 'DELETE',
    path: '/project/:id/quota',
    tag: 'projects',
    access: 'admin',
    summary: "Reset a project's quotas",
    description: 'They begin anew; use for fair share and history stay.',
    params: PROJECT,
    answers: { 200: json(changed('Quota reset')) },
    errors: ['project-not-found'],
    examples: [{ name: 'a project', params: { id: 'lambda' }, answer: { msg: 'Quota reset' } }],
    async handle({ context, deps, person, params }) {
      const { id } = await projectAt(deps, params.id);
      await resetQuota({ context, deps }, { project: id }, person);
      return { msg: 'Quota reset', id };
    },
  }),
];

async function make({
  context,
  deps,
  body,
}: Call<'admin', None, None, None, z.output<typeof NEW_PROJECT>>) {
  const { store, clock } = deps;
  const id = projectId(body.id);
  if (isDefaultProject(id) || (await store.project(id)) !== undefined)
    throw new ServiceError('name-taken', `there is a project "${id}"`, { field: 'id' });
  const project = await readProject(deps, body, {
    id,
    description: '',
    prio: PRIO_USUAL,
    members: [],
    quotas: { time: 0, cpu: 0, ram: 0 },
    createdAt: clock.now(),
  });
  const facts = auditChanges({}, factsOf(project));
  const subject = { kind: 'project', id } as const;
  await audited({ context, deps }, { act: 'project.create', subject, facts }, () =>
    store.putProject(project),
  );
  return { msg: 'Project added', id };
}

/** @throws ServiceError project-not-found; forbidden: `default` is nobody's to change */
async function projectAt(
  { store }: { readonly store: Pick<ProjectStore, 'project'> },
  name: string,
): Promise<ProjectRecord> {
  const id = projectId(name);
  if (isDefaultProject(id)) throw isFixed();
  const project = await store.project(id);
  if (project === undefined) throw noProject(id);
  return project;
}

const isFixed = (): ServiceError =>
  new ServiceError('forbidden', 'the project "default" is fixed: everybody is in it');

/** Projects with what their job directories take. */
export async function withDisk({ store }: Pick<ApiDeps, 'store'>) {
  const taken = await takenBy(store);
  return (project: ProjectRecord) =>
    projectToWire(project, diskToWire(taken.project(project.id), project.quotas, null));
}

/** As the audit log names them. */
const factsOf = ({ description, members, ...share }: ProjectRecord): AuditFacts => ({
  description,
  members,
  ...shareFacts(share),
});

async function readProject(
  deps: ApiDeps,
  asked: Changes,
  before: ProjectRecord,
): Promise<ProjectRecord> {
  const { description = before.description } = asked;
  const members = await readMembers(deps, asked.members ?? before.members, before.members);
  return { ...before, description, members, ...readShare(asked, before) };
}

/** Those who were members stay so unasked: an account that has left must not block every change. */
async function readMembers(
  { auth }: ApiDeps,
  given: readonly string[],
  before: readonly UserId[],
): Promise<readonly UserId[]> {
  const refuse = (why: string, field = 'members'): never => {
    throw new ServiceError('bad-field', `${field}: ${why}`, { field });
  };
  const members = new Set<UserId>();
  for (const [index, login] of given.entries()) {
    const isNew = !before.includes(userId(login));
    if (isNew && (await auth.user(login)) === undefined)
      return refuse(`no user "${login.slice(0, 80)}"`, `members[${index}]`);
    members.add(userId(login));
  }
  if (members.size === 0) refuse('a project has at least one member');
  return [...members];
}
