/** Signing in. */
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import { NAME_CHARS_MAX } from '../../contracts/limits.js';
import { auditSignIn, tellKeySignIn, tellRefusedSignIn } from '../audit.js';
import { section, text, wire } from '../fields.js';
import { loginFromProxy, personOfProxy } from '../proxy.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { shape } from '../schemas/answer.js';
import { USER } from '../schemas/people.js';
import { personToWire } from '../wire.js';

const CHARS_MAX = NAME_CHARS_MAX * 4;
const given = text((value) => value !== '' && value.length <= CHARS_MAX, 'must be a text').meta(
  wire({ type: 'string', minLength: 1, maxLength: CHARS_MAX }),
);

const BY_KEY = section({ user: given, apikey: given });
const BY_PASSWORD = section({
  uid: given.optional().describe('Login.'),
  user: given.optional().describe('The same.'),
  password: given,
}).transform((body, context) => {
  const login = body.uid ?? body.user;
  if (login !== undefined) return { login, password: body.password };
  context.addIssue({ code: 'custom', path: ['uid'], message: 'must be a text' });
  return z.NEVER;
});

const TOKEN = z.string().meta({ description: 'For the header `Authorization: Bearer TOKEN`.' });

export const SESSION_ROUTES: readonly Route[] = [
  route({
    method: 'POST',
    path: '/authenticate',
    tag: 'sessions',
    access: 'nobody-needed',
    summary: 'Sign in with an API key',
    description: 'The token is good as long as the key is.',
    body: BY_KEY,
    answers: { 200: json(shape({ token: TOKEN })) },
    errors: ['bad-credentials', 'auth-unavailable', 'rate-limited'],
    examples: [
      { name: 'with a key', body: { user: 'alice', apikey: '$APIKEY' }, answer: {} },
      {
        name: 'not their key',
        body: { user: 'alice', apikey: 'guessed' },
        status: 401,
        answer: { code: 'bad-credentials' },
      },
    ],
    handle: byKey,
  }),
  route({
    method: 'POST',
    path: '/user/bind',
    tag: 'sessions',
    access: 'nobody-needed',
    summary: 'Sign in with a password',
    description: 'The token ends after the time that the site configures.',
    body: BY_PASSWORD,
    answers: { 200: json(shape({ token: TOKEN, user: USER })) },
    errors: ['bad-credentials', 'auth-unavailable', 'rate-limited'],
    examples: [
      { name: 'with a password', body: { uid: 'alice', password: '$PASSWORD' }, answer: {} },
      {
        name: 'not their password',
        body: { uid: 'alice', password: 'guessed' },
        status: 401,
        answer: { code: 'bad-credentials' },
      },
    ],
    handle: byPassword,
  }),
  route({
    method: 'POST',
    path: '/session',
    tag: 'sessions',
    access: 'nobody-needed',
    summary: "Sign in through the site's proxy",
    description:
      'For whom a proxy has signed in and names in its header. Only this route reads the header: all others take tokens.',
    body: z.unknown(),
    answers: { 200: json(shape({ token: TOKEN, user: USER })) },
    errors: ['bad-credentials', 'forbidden', 'auth-unavailable'],
    examples: [
      { name: 'without a proxy', as: null, status: 401, answer: { code: 'bad-credentials' } },
    ],
    handle: byProxy,
  }),
];

async function byKey({
  context,
  deps,
  tokens,
  logins,
  body: { user: login, apikey },
}: Call<'nobody-needed', None, None, None, z.output<typeof BY_KEY>>) {
  const { auth, events } = deps;
  const attempt = { way: 'apikey', login, address: context.ip } as const;
  const found = await logins.within(attempt, () => auth.bindApi(login, apikey));
  if (found === undefined) {
    events.emit('session:refused', { login, by: 'apikey' });
    tellRefusedSignIn({ context, deps }, login, 'apikey');
    throw new ServiceError('bad-credentials', 'no such user, or not their API key');
  }
  tellKeySignIn({ context, deps }, found.person.id, found.keyId);
  events.emit('session:opened', { user: found.person.id, by: 'apikey' });
  return { token: await tokens.forKey(found.person, found.keyId) };
}

async function byPassword({
  context,
  deps,
  tokens,
  logins,
  body: { login, password },
}: Call<'nobody-needed', None, None, None, z.output<typeof BY_PASSWORD>>) {
  const { auth, events } = deps;
  const attempt = { way: 'password', login, address: context.ip } as const;
  const person = await logins.within(attempt, () => auth.bindCredentials(login, password));
  if (person === undefined) {
    events.emit('session:refused', { login, by: 'password' });
    tellRefusedSignIn({ context, deps }, login, 'password');
    throw new ServiceError('bad-credentials', 'no such user, or not their password');
  }
  await auditSignIn({ context, deps }, person.id);
  events.emit('session:opened', { user: person.id, by: 'password' });
  return { token: await tokens.forPassword(person), user: personToWire(person) };
}

async function byProxy({
  context,
  deps,
  tokens,
}: Call<'nobody-needed', None, None, None, unknown>) {
  const login = loginFromProxy(context, deps.config.accounts.proxy);
  if (login === undefined)
    throw new ServiceError('bad-credentials', 'no proxy of this site has signed you in');
  try {
    const person = await personOfProxy(deps, login);
    await auditSignIn({ context, deps }, person.id);
    deps.events.emit('session:opened', { user: person.id, by: 'proxy' });
    return { token: await tokens.forPassword(person), user: personToWire(person) };
  } catch (error) {
    deps.events.emit('session:refused', { login, by: 'proxy' });
    tellRefusedSignIn({ context, deps }, login, 'proxy');
    throw error;
  }
}
