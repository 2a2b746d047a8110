/** Signing in, and who one is. */
import type { Person } from '../../contracts/auth.js';
import { ServiceError } from '../../contracts/errors.js';
import { NAME_CHARS_MAX } from '../../contracts/limits.js';
import { isRaw } from '../../contracts/reader.js';
import { audited, auditSignIn, tellKeySignIn, tellRefusedSignIn } from '../audit.js';
import { readObject } from '../body.js';
import { diskToWire, takenBy } from '../disk.js';
import { projectsOf } from '../membership.js';
import { mustBeAdmin, personFor } from '../people.js';
import { quotaReport } from '../quota-report.js';
import { resetQuota } from '../quota-reset.js';
import type { Routes } from '../routes.js';
import { readShare, shareChanges } from '../share-fields.js';
import { DEFAULT_PROJECT, personToWire } from '../wire.js';
import { withDisk as projectsWithDisk } from './projects.js';

export function sessionRoutes({ deps, router, tokens, signedIn }: Routes): void {
  const { auth, events } = deps;

  router.post('/authenticate', async (context) => {
    const body = await readObject(context.req);
    const login = readText(body, ['user']);
    const found = await auth.bindApi(login, readText(body, ['apikey']));
    if (found === undefined) {
      events.emit('session:refused', { login, by: 'apikey' });
      tellRefusedSignIn({ context, deps }, login, 'apikey');
      throw new ServiceError('bad-credentials', 'no such user, or not their API key');
    }
    tellKeySignIn({ context, deps }, found.person.id, found.keyId);
    events.emit('session:opened', { user: found.person.id, by: 'apikey' });
    context.body = { token: await tokens.forKey(found.person, found.keyId) };
  });

  router.post('/user/bind', async (context) => {
    const body = await readObject(context.req);
    const login = readText(body, ['uid', 'user']);
    const person = await auth.bindCredentials(login, readText(body, ['password']));
    if (person === undefined) {
      events.emit('session:refused', { login, by: 'password' });
      tellRefusedSignIn({ context, deps }, login, 'password');
      throw new ServiceError('bad-credentials', 'no such user, or not their password');
    }
    await auditSignIn({ context, deps }, person.id);
    events.emit('session:opened', { user: person.id, by: 'password' });
    context.body = { token: await tokens.forPassword(person), user: personToWire(person) };
  });

  router.get('/user', async (context) => {
    const person = await signedIn(context);
    if (!person.isAdmin) throw new ServiceError('forbidden', 'only administrators list all users');
    const people: Person[] = [];
    for (const { id } of await deps.store.users()) {
      const one = await auth.user(id);
      if (one !== undefined) people.push(one);
    }
    const toWire = await withDisk();
    context.body = people.map(toWire);
  });

  router.get('/user/:id', async (context) => {
    const person = await personOf(await signedIn(context), context.params.id);
    context.body = (await withDisk())(person);
  });

  router.get('/user/:id/project', async (context) => {
    const { id } = await personOf(await signedIn(context), context.params.id);
    const projects = await projectsOf(deps, id);
    context.body = [DEFAULT_PROJECT, ...projects.map(await projectsWithDisk(deps))];
  });

  // The old command line sends the whole document back, with other values under `usage`.
  router.put('/user/:id', async (context) => {
    const person = await signedIn(context);
    mustBeAdmin(person, 'change users');
    const { id } = await personOf(person, context.params.id);
    const { usage } = await readObject(context.req);
    if (!isRaw(usage))
      throw new ServiceError('bad-field', 'usage must be an object', { field: 'usage' });
    const before = await deps.store.user(id);
    if (before === undefined)
      throw new ServiceError('not-supported', `the account of "${id}" is not kept here`, { id });
    const facts = shareChanges(before, readShare(usage, before, 'usage.'));
    const subject = { kind: 'user', id } as const;
    await audited({ context, deps }, { act: 'user.change', subject, facts }, () =>
      deps.store.changeUser(
        id,
        (record) => record && { ...record, ...readShare(usage, record, 'usage.') },
      ),
    );
    context.body = { msg: 'User updated', id };
  });

  router.get('/user/:id/quota', async (context) => {
    const { id, quotas } = await personOf(await signedIn(context), context.params.id);
    context.body = await quotaReport(deps, { user: id }, quotas);
  });

  router.delete('/user/:id/quota', async (context) => {
    const person = await signedIn(context);
    mustBeAdmin(person, 'reset quotas');
    const { id } = await personOf(person, context.params.id);
    await resetQuota({ context, deps }, { user: id }, person);
    context.body = { msg: 'Quota reset', id };
  });

  /** Users with what their job directories take. */
  const withDisk = async () => {
    const taken = await takenBy(deps.store);
    const { diskGbUsual } = deps.config.limits;
    return (person: Person) =>
      personToWire(person, diskToWire(taken.user(person.id), person.quotas, diskGbUsual));
  };
  const personOf = (asker: Person, login: string | undefined) => personFor(deps, asker, login);
}

/** The first of `names` that the body has. */
function readText(body: Record<string, unknown>, names: readonly string[]): string {
  const [wanted = ''] = names;
  const name = names.find((one) => body[one] !== undefined) ?? wanted;
  const value = body[name];
  if (typeof value !== 'string' || value === '' || value.length > NAME_CHARS_MAX * 4)
    throw new ServiceError('bad-field', `${name} must be a text`, { field: name });
  return value;
}
