/** API keys and SSH keys of a user. */
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import { type HeldKey, heldKeys, keyIdOf } from '../../contracts/keys.js';
import { KEYS_OF_USER_MAX } from '../../contracts/limits.js';
import type { UserRecord } from '../../contracts/store.js';
import { KEY_SCOPES } from '../../contracts/user.js';
import type { UserId } from '../../core/units.js';
import { HISTORIC_KEYS, newKey } from '../accounts.js';
import { audited } from '../audit.js';
import { actorOf, type Caller } from '../caller.js';
import type { ApiDeps } from '../deps.js';
import { LOGIN } from '../fields.js';
import { type NewKey, readNewKey, readSshKey } from '../key-fields.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { epochSeconds, message, shape } from '../schemas/answer.js';
import { changed } from '../schemas/people.js';

const facts = {
  id: z.string(),
  name: z.string(),
  scopes: z
    .array(z.enum(KEY_SCOPES))
    .nullable()
    .meta({ description: 'Null: everything that its user may do.' }),
  created: epochSeconds,
  expires: epochSeconds.nullable().meta({ description: 'Null: until it is revoked.' }),
  used: epochSeconds.nullable().meta({ description: 'To the hour; null: not yet.' }),
};
const KEY = shape(facts).meta({ id: 'ApiKey' });
const SECRET = z.string().meta({ description: 'The key itself: it is shown this once.' });

/** Read by hand, so that ends are counted from the service's own clock. */
const NEW_KEY = z.looseObject({
  name: z.unknown().meta({ type: 'string', description: 'Unique among the keys of the user.' }),
  scopes: z
    .unknown()
    .optional()
    .meta({ type: ['array', 'null'], items: { enum: [...KEY_SCOPES] } }),
  expires_in: z
    .unknown()
    .optional()
    .meta({ description: 'As `90d`, `12h`, or seconds; left out: no end.' }),
});
const SSH_KEY = z.looseObject({
  public: z.unknown().meta({
    type: 'string',
    description: 'One line as in an authorized_keys file; the empty text takes the key away.',
  }),
});
const NOTHING = z.unknown();

type OfUser<B = undefined> = Call<'own-or-admin', typeof LOGIN, None, None, B>;

export const KEY_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/user/:id/keys',
    tag: 'users',
    access: 'own-or-admin',
    summary: "List a user's API keys",
    params: LOGIN,
    answers: { 200: json(z.array(KEY), 'Those in force.') },
    examples: [{ name: 'oneself', params: { id: 'alice' }, answer: [{ name: 'first' }] }],
    handle: async ({ deps: { store, clock }, user }: OfUser) =>
      heldKeys((await store.user(user.id))?.keys ?? [], clock.now()).map(keyToWire),
  }),
  route({
    method: 'POST',
    path: '/user/:id/keys',
    tag: 'users',
    access: 'own-or-admin',
    summary: 'Make an API key',
    description:
      'A key with scopes is good for these alone: every key reads; `submit` submits, changes and kills jobs; `admin` and `act-for` are for administrators to give.',
    params: LOGIN,
    body: NEW_KEY,
    answers: { 200: json(shape({ msg: message, ...facts, apikey: SECRET })) },
    errors: ['forbidden', 'name-taken', 'wrong-state', 'not-supported'],
    examples: [
      {
        name: 'for a machine',
        params: { id: 'alice' },
        body: { name: 'laptop', scopes: ['submit'], expires_in: '90d' },
        answer: { msg: 'Key created', name: 'laptop' },
      },
    ],
    handle: create,
  }),
  route({
    method: 'DELETE',
    path: '/user/:id/keys/:key',
    tag: 'users',
    access: 'own-or-admin',
    summary: 'Revoke an API key',
    description: 'Tokens that were obtained with it end as well.',
    params: { ...LOGIN, key: z.string().meta({ description: 'Id or name of the key.' }) },
    answers: { 200: json(shape({ msg: message, id: z.string() })) },
    errors: ['key-not-found', 'not-supported'],
    examples: [
      {
        name: 'by name',
        params: { id: 'alice', key: 'first' },
        answer: { msg: 'Key revoked' },
      },
      {
        name: 'one that is not there',
        params: { id: 'alice', key: 'none' },
        status: 404,
        answer: { code: 'key-not-found' },
      },
    ],
    handle: revoke,
  }),
  route({
    method: 'PUT',
    path: '/user/:id/apikey',
    tag: 'users',
    access: 'own-or-admin',
    summary: 'Renew the one API key of old clients',
    description:
      'The former one, and what was obtained with it, ends; keys with names of their own stay.',
    params: LOGIN,
    body: NOTHING,
    answers: { 200: json(shape({ msg: message, id: z.string(), apikey: SECRET })) },
    errors: ['not-supported'],
    examples: [{ name: 'oneself', params: { id: 'alice' }, answer: { msg: 'API key renewed' } }],
    handle: renew,
  }),
  route({
    method: 'PUT',
    path: '/user/:id/sshkey',
    tag: 'users',
    access: 'own-or-admin',
    summary: "Set a user's public SSH key",
    params: LOGIN,
    body: SSH_KEY,
    answers: { 200: json(changed('SSH key changed').extend({ public: z.string() })) },
    errors: ['not-supported'],
    examples: [
      { name: 'none', params: { id: 'alice' }, body: { public: '' }, answer: { public: '' } },
    ],
    handle: setSshKey,
  }),
];

/** @throws ServiceError not-supported: the account is not kept here */
async function change(
  { store }: Pick<ApiDeps, 'store'>,
  id: UserId,
  how: (user: UserRecord) => UserRecord,
): Promise<void> {
  const after = await store.changeUser(id, (user) => user && how(user));
  if (after === undefined)
    throw new ServiceError('not-supported', `the account of "${id}" is not kept here`, { id });
}

async function create({ context, deps, person, user, body }: OfUser<z.output<typeof NEW_KEY>>) {
  const { clock, events, randomBytes } = deps;
  const now = clock.now();
  const asked: NewKey = readNewKey(body, now);
  const { name, scopes, expiresAt } = asked;
  mustGrant(scopes, person, user.isAdmin);
  const { key, stored } = newKey(name, { randomBytes, now }, { scopes, expiresAt });
  const id = keyIdOf(stored.sha256);
  const act = {
    act: 'key.create',
    subject: subjectOf(user.id),
    facts: { key: id, name, scopes },
  } as const;
  await audited({ context, deps }, act, () =>
    change(deps, user.id, (before) => {
      const inForce = new Set(heldKeys(before.keys, now).map(({ id }) => id));
      const kept = before.keys.filter(({ sha256 }) => inForce.has(keyIdOf(sha256)));
      if (kept.some((one) => one.name === name))
        throw new ServiceError('name-taken', `name: there is a key "${name}"`, { field: 'name' });
      if (kept.length >= KEYS_OF_USER_MAX)
        throw new ServiceError('wrong-state', `a user has ${KEYS_OF_USER_MAX} keys at most`);
      return { ...before, keys: [...kept, stored] };
    }),
  );
  events.emit('key:created', { user: user.id, keyId: id, name, by: actorOf(person) });
  const held = { id, name, scopes, createdAt: now, expiresAt, usedAt: null };
  return { msg: 'Key created', ...keyToWire(held), apikey: key };
}

async function revoke({
  context,
  deps,
  person,
  user,
  params,
}: Call<'own-or-admin', typeof LOGIN & { readonly key: z.ZodString }>) {
  const word = params.key;
  let id = '';
  const act = {
    act: 'key.revoke',
    subject: subjectOf(user.id),
    facts: { key: word.slice(0, 80) },
  } as const;
  await audited({ context, deps }, act, () =>
    change(deps, user.id, (before) => {
      const key = before.keys.find(({ sha256, name }) => keyIdOf(sha256) === word || name === word);
      if (key === undefined)
        throw new ServiceError('key-not-found', `no key "${word.slice(0, 80)}"`, { field: 'key' });
      id = keyIdOf(key.sha256);
      return { ...before, keys: before.keys.filter((one) => one !== key) };
    }),
  );
  deps.events.emit('key:revoked', { user: user.id, keyId: id, by: actorOf(person) });
  return { msg: 'Key revoked', id };
}

/** Clients of the original know one key only: a new one takes its place. */
async function renew({ context, deps, person, user }: OfUser<unknown>) {
  const [name] = HISTORIC_KEYS;
  const ports = { randomBytes: deps.randomBytes, now: deps.clock.now() };
  const { key, stored } = newKey(name, ports);
  const keyId = keyIdOf(stored.sha256);
  const act = {
    act: 'key.create',
    subject: subjectOf(user.id),
    facts: { key: keyId, name },
  } as const;
  await audited({ context, deps }, act, () =>
    change(deps, user.id, (before) => ({
      ...before,
      keys: [
        stored,
        ...before.keys.filter((one) => !HISTORIC_KEYS.some((old) => old === one.name)),
      ],
    })),
  );
  deps.events.emit('key:created', { user: user.id, keyId, name, by: actorOf(person) });
  return { msg: 'API key renewed', id: user.id, apikey: key };
}

async function setSshKey({ context, deps, person, user, body }: OfUser<z.output<typeof SSH_KEY>>) {
  const sshPublicKey = readSshKey(body);
  const act = {
    act: 'user.change',
    subject: subjectOf(user.id),
    facts: { what: 'sshkey' },
  } as const;
  await audited({ context, deps }, act, () =>
    change(deps, user.id, (before) => ({ ...before, sshPublicKey })),
  );
  deps.events.emit('user:changed', { user: user.id, what: 'sshkey', by: actorOf(person) });
  return { msg: 'SSH key changed', id: user.id, public: sshPublicKey };
}

const subjectOf = (id: UserId) => ({ kind: 'user', id }) as const;

/** A key opens nothing that its maker may not open, nor its user. @throws ServiceError forbidden */
function mustGrant(scopes: HeldKey['scopes'], caller: Caller, isUserAdmin: boolean): void {
  const refuse = (what: string): never => {
    throw new ServiceError('forbidden', `scopes: ${what}`, { field: 'scopes' });
  };
  if (scopes?.includes('admin') === true && !isUserAdmin)
    refuse('only keys of administrators have the scope "admin"');
  if (scopes?.includes('act-for') === true && !caller.isAdmin)
    refuse('only administrators make keys with the scope "act-for"');
}

/** As old clients read times: seconds of the epoch. */
const keyToWire = ({ id, name, scopes, createdAt, expiresAt, usedAt }: HeldKey) => ({
  id,
  name,
  scopes,
  created: createdAt / 1000,
  expires: expiresAt === null ? null : expiresAt / 1000,
  used: usedAt === null ? null : usedAt / 1000,
});
