/** A user leaves: nobody signs in under that name any more, their jobs end, what they used stays on record. */

import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import type { UserId } from '../../core/units.js';
import { userId } from '../../core/units.js';
import { killAll } from '../all-jobs.js';
import { audited } from '../audit.js';
import { actorOf } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { LOGIN } from '../fields.js';
import { projectsOf } from '../membership.js';
import { json, type Route, route } from '../route.js';
import { shape, whole } from '../schemas/answer.js';

export const USER_REMOVAL_ROUTES: readonly Route[] = [
  route({
    method: 'DELETE',
    path: '/user/:id',
    tag: 'users',
    access: 'admin',
    summary: 'Remove a user',
    description:
      'Keys and sessions end at once, jobs are killed, projects lose the member unless it is their last one. Jobs that are over and what was used stay on record.',
    params: LOGIN,
    answers: {
      200: json(
        shape({
          msg: z.literal('User removed'),
          id: z.string(),
          killed: whole.meta({ description: 'Jobs that will be killed; an array is one.' }),
        }),
      ),
    },
    errors: ['user-not-found', 'wrong-state'],
    examples: [
      { name: 'a user', params: { id: 'bob' }, answer: { msg: 'User removed', id: 'bob' } },
      {
        name: 'nobody',
        params: { id: 'nobody' },
        status: 404,
        answer: { code: 'user-not-found' },
      },
    ],
    async handle({ context, deps, person, params }) {
      const id = userId(params.id);
      if ((await deps.store.user(id)) === undefined)
        throw new ServiceError('user-not-found', `no user "${id.slice(0, 80)}"`, { field: 'id' });
      if (id === person.id)
        throw new ServiceError('wrong-state', 'nobody removes their own account', { field: 'id' });
      const act = { act: 'user.delete', subject: { kind: 'user', id } } as const;
      const killed = await audited({ context, deps }, act, () => remove(deps, id, actorOf(person)));
      deps.log.info('user removed', { user: id, by: actorOf(person), killed });
      return { msg: 'User removed', id, killed };
    },
  }),
];

/** How many jobs will be killed. */
async function remove(deps: ApiDeps, id: UserId, by: UserId): Promise<number> {
  // Before and after: whatever dies in between, the account is still there to be removed again, and nothing slips through.
  const before = await killAll(deps, { owner: id }, by);
  await leaveProjects(deps, id);
  await deps.store.deleteUser(id);
  return before + (await killAll(deps, { owner: id }, by));
}

/** A project without members could not be used: the last one stays named. */
async function leaveProjects({ store }: ApiDeps, id: UserId): Promise<void> {
  for (const project of await projectsOf({ store }, id)) {
    const members = project.members.filter((member) => member !== id);
    if (members.length > 0) await store.putProject({ ...project, members });
  }
}
