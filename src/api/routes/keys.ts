/** API keys, SSH keys, passwords and sessions: what somebody signs in with, and ends. */

import { ServiceError } from '../../contracts/errors.js';
import { type HeldKey, heldKeys, keyIdOf } from '../../contracts/keys.js';
import { KEYS_OF_USER_MAX } from '../../contracts/limits.js';
import type { UserRecord } from '../../contracts/store.js';
import type { UserId } from '../../core/units.js';
import { HISTORIC_KEYS, hashPassword, newKey } from '../accounts.js';
import { readJson, readObject } from '../body.js';
import { actorOf, type Caller } from '../caller.js';
import type { Context } from '../context.js';
import { readNewKey, readPassword, readSshKey } from '../key-fields.js';
import { personFor } from '../people.js';
import type { Routes } from '../routes.js';

export function keyRoutes({ deps, router, tokens, revocations, signedIn }: Routes): void {
  const { auth, clock, events, randomBytes, store, config } = deps;

  /** The user of the path, and who asks. */
  async function asked(
    context: Context,
    login: string | undefined,
  ): Promise<{ readonly caller: Caller; readonly id: UserId }> {
    const caller = await signedIn(context);
    return { caller, id: (await personFor(deps, caller, login)).id };
  }

  const change = async (
    id: UserId,
    how: (user: UserRecord) => UserRecord | undefined,
  ): Promise<UserRecord> => {
    const after = await store.changeUser(id, (user) => user && how(user));
    if (after !== undefined) return after;
    throw new ServiceError('not-supported', `the account of "${id}" is not kept here`, { id });
  };

  router.get('/user/:id/keys', async (context) => {
    const { id } = await asked(context, context.params.id);
    const keys = (await store.user(id))?.keys ?? [];
    context.body = heldKeys(keys, clock.now()).map(keyToWire);
  });

  router.post('/user/:id/keys', async (context) => {
    const { caller, id } = await asked(context, context.params.id);
    const now = clock.now();
    const { name, scopes, expiresAt } = readNewKey(await readObject(context.req), now);
    mustGrant(scopes, caller, (await auth.user(id))?.isAdmin === true);
    const { key, stored } = newKey(name, { randomBytes, now }, { scopes, expiresAt });
    const held = heldKeys([stored], now);
    await change(id, (user) => {
      const inForce = new Set(heldKeys(user.keys, now).map((one) => one.id));
      const kept = user.keys.filter(({ sha256 }) => inForce.has(keyIdOf(sha256)));
      if (kept.some((one) => one.name === name))
        throw new ServiceError('name-taken', `name: there is a key "${name}"`, { field: 'name' });
      if (kept.length >= KEYS_OF_USER_MAX)
        throw new ServiceError('wrong-state', `a user has ${KEYS_OF_USER_MAX} keys at most`);
      return { ...user, keys: [...kept, stored] };
    });
    const [made] = held;
    if (made === undefined) throw new ServiceError('bad-field', 'the key has expired already');
    events.emit('key:created', { user: id, keyId: made.id, name, by: actorOf(caller) });
    context.body = { msg: 'Key created', ...keyToWire(made), apikey: key };
  });

  router.delete('/user/:id/keys/:key', async (context) => {
    const { caller, id } = await asked(context, context.params.id);
    const word = context.params.key ?? '';
    const isMeant = ({ sha256, name }: UserRecord['keys'][number]) =>
      keyIdOf(sha256) === word || name === word;
    let keyId: string | undefined;
    await change(id, (user) => {
      const key = user.keys.find(isMeant);
      if (key === undefined)
        throw new ServiceError('key-not-found', `no key "${word.slice(0, 80)}"`, { field: 'key' });
      keyId = keyIdOf(key.sha256);
      return { ...user, keys: user.keys.filter((one) => one !== key) };
    });
    if (keyId !== undefined) events.emit('key:revoked', { user: id, keyId, by: actorOf(caller) });
    context.body = { msg: 'Key revoked', id: keyId };
  });

  // Clients of the original know one key only: a new one takes its place, and what was obtained with the old one ends.
  router.put('/user/:id/apikey', async (context) => {
    const { caller, id } = await asked(context, context.params.id);
    const [name] = HISTORIC_KEYS;
    const { key, stored } = newKey(name, { randomBytes, now: clock.now() });
    await change(id, (user) => ({
      ...user,
      keys: [stored, ...user.keys.filter((one) => !HISTORIC_KEYS.some((old) => old === one.name))],
    }));
    const by = actorOf(caller);
    events.emit('key:created', { user: id, keyId: keyIdOf(stored.sha256), name, by });
    context.body = { msg: 'API key renewed', id, apikey: key };
  });

  router.put('/user/:id/sshkey', async (context) => {
    const { caller, id } = await asked(context, context.params.id);
    const sshPublicKey = readSshKey(await readObject(context.req));
    await change(id, (user) => ({ ...user, sshPublicKey }));
    events.emit('user:changed', { user: id, what: 'sshkey', by: actorOf(caller) });
    context.body = { msg: 'SSH key changed', id, public: sshPublicKey };
  });

  router.put('/user/:id/password', async (context) => {
    const { caller, id } = await asked(context, context.params.id);
    const { current, password } = readPassword(await readObject(context.req));
    const isOwn = id === caller.id;
    if (isOwn && (await auth.bindCredentials(id, current ?? ''))?.id !== id)
      throw new ServiceError('bad-credentials', 'current: this is not your password', {
        field: 'current',
      });
    const hash = await hashPassword(password);
    await change(id, (user) => {
      // Who is vouched for by a directory must not outlast it.
      if (user.from !== 'local' && user.passwordHash === null)
        throw new ServiceError('not-supported', `the password of "${id}" is not kept here`, { id });
      return { ...user, passwordHash: hash };
    });
    await revocations.endAll(id, config.web.sessionMs);
    events.emit('user:changed', { user: id, what: 'password', by: actorOf(caller) });
    context.body = { msg: 'Password changed: all sessions of the account are over', id };
  });

  router.delete('/session', async (context) => {
    const { person, session } = await tokens.check(context.get('Authorization'));
    await readJson(context.req);
    if (session === null)
      throw new ServiceError(
        'not-supported',
        'this token lives as long as its API key: revoke the key instead',
      );
    await revocations.end(session);
    events.emit('session:ended', { user: person.id, id: session.id, by: person.id });
    context.body = { msg: 'Signed out' };
  });

  router.delete('/user/:id/session', async (context) => {
    const { caller, id } = await asked(context, context.params.id);
    await revocations.endAll(id, config.web.sessionMs);
    events.emit('session:ended', { user: id, id: null, by: actorOf(caller) });
    context.body = { msg: 'All sessions are over', id };
  });
}

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
