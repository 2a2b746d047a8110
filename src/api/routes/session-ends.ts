/** What ends sessions: signing out, administrators, a new password. */
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import { isLocal } from '../../contracts/person.js';
import { hashPassword } from '../accounts.js';
import { audited } from '../audit.js';
import { actorOf } from '../caller.js';
import { LOGIN } from '../fields.js';
import { readPassword } from '../key-fields.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { message, shape } from '../schemas/answer.js';
import { changed } from '../schemas/people.js';

const PASSWORD = z.looseObject({
  current: z.unknown().optional().meta({ type: 'string', description: 'Needed for oneself.' }),
  password: z.unknown().meta({ type: 'string', minLength: 10 }),
});

export const SESSION_END_ROUTES: readonly Route[] = [
  route({
    method: 'DELETE',
    path: '/session',
    tag: 'sessions',
    access: 'signed-in',
    summary: 'Sign out',
    description: 'Ends the session of the token. Tokens of API keys end with their key instead.',
    answers: { 200: json(shape({ msg: message })) },
    errors: ['not-supported'],
    examples: [{ name: 'with the token of a key', status: 400, answer: { code: 'not-supported' } }],
    async handle({ context, deps, tokens }) {
      const { person, session } = await tokens.check(context.get('Authorization'));
      if (session === null)
        throw new ServiceError(
          'not-supported',
          'this token lives as long as its API key: revoke the key instead',
        );
      await tokens.end(session);
      deps.events.emit('session:ended', { user: person.id, id: session.id, by: person.id });
      return { msg: 'Signed out' };
    },
  }),
  route({
    method: 'DELETE',
    path: '/user/:id/session',
    tag: 'sessions',
    access: 'own-or-admin',
    summary: 'End all sessions of a user',
    description: 'API keys, and what was obtained with them, stay.',
    params: LOGIN,
    answers: { 200: json(changed('All sessions are over')) },
    examples: [{ name: 'oneself', params: { id: 'alice' }, answer: { id: 'alice' } }],
    async handle({ context, deps, tokens, person, user: { id } }) {
      const subject = { kind: 'user', id } as const;
      await audited({ context, deps }, { act: 'session.end', subject }, () => tokens.endAll(id));
      deps.events.emit('session:ended', { user: id, id: null, by: actorOf(person) });
      return { msg: 'All sessions are over', id };
    },
  }),
  route({
    method: 'PUT',
    path: '/user/:id/password',
    tag: 'users',
    access: 'own-or-admin',
    summary: 'Change a password',
    description: 'All sessions of the user end. Passwords of a directory are changed there.',
    params: LOGIN,
    body: PASSWORD,
    answers: { 200: json(changed('Password changed')) },
    errors: ['bad-credentials', 'not-supported', 'rate-limited'],
    examples: [
      {
        name: 'one that is too short',
        params: { id: 'alice' },
        body: { current: '$PASSWORD', password: 'short' },
        status: 400,
        answer: { code: 'bad-field', field: 'password' },
      },
    ],
    handle: changePassword,
  }),
];

async function changePassword({
  context,
  deps,
  tokens,
  logins,
  person,
  user: { id },
  body,
}: Call<'own-or-admin', typeof LOGIN, None, None, z.output<typeof PASSWORD>>) {
  const { auth, events, store } = deps;
  const { current, password } = readPassword(body);
  const record = await store.user(id);
  // Who is vouched for by a directory must not outlast it.
  if (record === undefined || !isLocal(record) || record.from === 'guest')
    throw new ServiceError('not-supported', `the password of "${id}" is not kept here`, { id });
  if (id === person.id) {
    const attempt = { way: 'password', login: id, address: context.ip } as const;
    const found = await logins.within(attempt, () => auth.bindCredentials(id, current ?? ''));
    if (found?.id !== id)
      throw new ServiceError('bad-credentials', 'current: this is not your password', {
        field: 'current',
      });
  }
  const passwordHash = await hashPassword(password);
  const act = {
    act: 'user.change',
    subject: { kind: 'user', id },
    facts: { what: 'password' },
  } as const;
  await audited({ context, deps }, act, async () => {
    await store.changeUser(id, (user) => user && { ...user, passwordHash });
    await tokens.endAll(id);
  });
  events.emit('user:changed', { user: id, what: 'password', by: actorOf(person) });
  return { msg: 'Password changed', id };
}
