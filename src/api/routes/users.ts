/** Users: who one is, which projects one is in, quotas. */
import { z } from 'zod';
import type { Person } from '../../contracts/auth.js';
import { ServiceError } from '../../contracts/errors.js';
import { audited } from '../audit.js';
import type { ApiDeps } from '../deps.js';
import { diskToWire, takenBy } from '../disk.js';
import { LOGIN, section } from '../fields.js';
import { projectsOf } from '../membership.js';
import { personFor } from '../people.js';
import { quotaReport } from '../quota-report.js';
import { resetQuota } from '../quota-reset.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { changed, PROJECT_DOCUMENT, QUOTA_REPORT, SHARE_FIELDS, USER } from '../schemas/people.js';
import { readShare, shareChanges } from '../share-fields.js';
import { DEFAULT_PROJECT, personToWire } from '../wire.js';
import { withDisk as projectsWithDisk } from './projects.js';

const CHANGES = section({ usage: section(SHARE_FIELDS) });

export const USER_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/user',
    tag: 'users',
    access: 'admin',
    summary: 'List all users',
    answers: { 200: json(z.array(USER)) },
    examples: [{ name: 'all', answer: [{ id: 'alice' }, { id: 'bob' }] }],
    handle: users,
  }),
  route({
    method: 'GET',
    path: '/user/:id',
    tag: 'users',
    access: 'own-or-admin',
    summary: 'Show a user',
    params: LOGIN,
    answers: { 200: json(USER) },
    examples: [
      { name: 'oneself', params: { id: 'alice' }, answer: { id: 'alice', admin: false } },
      {
        name: 'somebody else',
        params: { id: 'bob' },
        status: 404,
        answer: { code: 'user-not-found' },
      },
    ],
    handle: async ({ deps, user }) => (await withDisk(deps))(user),
  }),
  route({
    method: 'GET',
    path: '/user/:id/project',
    tag: 'users',
    access: 'own-or-admin',
    summary: "List a user's projects",
    params: LOGIN,
    answers: { 200: json(z.array(PROJECT_DOCUMENT), 'In order of names, `default` first.') },
    examples: [
      {
        name: 'oneself',
        params: { id: 'alice' },
        answer: [{ id: 'default' }, { id: 'idle' }, { id: 'lambda' }],
      },
    ],
    async handle({ deps, user }) {
      const projects = await projectsOf(deps, user.id);
      return [DEFAULT_PROJECT, ...projects.map(await projectsWithDisk(deps))];
    },
  }),
  route({
    method: 'PUT',
    path: '/user/:id',
    tag: 'users',
    access: 'admin',
    summary: "Change a user's priority and quotas",
    description:
      'Old command lines send the whole document back, with other values under `usage`; nothing else is read.',
    params: LOGIN,
    body: CHANGES,
    answers: { 200: json(changed('User updated')) },
    errors: ['user-not-found', 'not-supported'],
    examples: [
      {
        name: 'another priority',
        params: { id: 'bob' },
        body: { usage: { prio: 70, quota_time: '3600' } },
        answer: { msg: 'User updated', id: 'bob' },
      },
    ],
    handle: change,
  }),
  route({
    method: 'GET',
    path: '/user/:id/quota',
    tag: 'users',
    access: 'own-or-admin',
    summary: "Show what of a user's quotas is used",
    params: LOGIN,
    answers: { 200: json(QUOTA_REPORT) },
    examples: [{ name: 'oneself', params: { id: 'alice' }, answer: { period: 'window' } }],
    handle: ({ deps, user: { id, quotas } }) => quotaReport(deps, { user: id }, quotas),
  }),
  route({
    method: 'DELETE',
    path: '/user/:id/quota',
    tag: 'users',
    access: 'admin',
    summary: "Reset a user's quotas",
    description: 'They begin anew; use for fair share and history stay.',
    params: LOGIN,
    answers: { 200: json(changed('Quota reset')) },
    errors: ['user-not-found'],
    examples: [{ name: 'a user', params: { id: 'alice' }, answer: { msg: 'Quota reset' } }],
    async handle({ context, deps, person, params }) {
      const { id } = await personFor(deps, person, params.id);
      await resetQuota({ context, deps }, { user: id }, person);
      return { msg: 'Quota reset', id };
    },
  }),
];

async function users({ deps }: Call<'admin'>) {
  const people: Person[] = [];
  for (const { id } of await deps.store.users()) {
    const one = await deps.auth.user(id);
    if (one !== undefined) people.push(one);
  }
  return people.map(await withDisk(deps));
}

async function change({
  context,
  deps,
  person,
  params,
  body: { usage },
}: Call<'admin', typeof LOGIN, None, None, z.output<typeof CHANGES>>) {
  const { id } = await personFor(deps, person, params.id);
  const before = await deps.store.user(id);
  if (before === undefined)
    throw new ServiceError('not-supported', `the account of "${id}" is not kept here`, { id });
  const facts = shareChanges(before, readShare(usage, before));
  const subject = { kind: 'user', id } as const;
  await audited({ context, deps }, { act: 'user.change', subject, facts }, () =>
    deps.store.changeUser(id, (record) => record && { ...record, ...readShare(usage, record) }),
  );
  return { msg: 'User updated', id };
}

/** Users with what their job directories take. */
async function withDisk({ store, config }: Pick<ApiDeps, 'store' | 'config'>) {
  const taken = await takenBy(store);
  const { diskGbUsual } = config.limits;
  return (person: Person) =>
    personToWire(person, diskToWire(taken.user(person.id), person.quotas, diskGbUsual));
}
