/** Signing in, and who one is. */
import type { Person } from '../../contracts/auth.js';
import { ServiceError } from '../../contracts/errors.js';
import { NAME_CHARS_MAX } from '../../contracts/limits.js';
import { userId } from '../../core/units.js';
import { readObject } from '../body.js';
import type { Routes } from '../routes.js';
import { DEFAULT_PROJECT, personToWire } from '../wire.js';

export function sessionRoutes({ deps, router, tokens, signedIn }: Routes): void {
  const { auth, events } = deps;

  router.post('/authenticate', async (context) => {
    const body = await readObject(context.req);
    const login = readText(body, ['user']);
    const found = await auth.bindApi(login, readText(body, ['apikey']));
    if (found === undefined) {
      events.emit('session:refused', { login, by: 'apikey' });
      throw new ServiceError('bad-credentials', 'no such user, or not their API key');
    }
    events.emit('session:opened', { user: found.person.id, by: 'apikey' });
    context.body = { token: await tokens.forKey(found.person, found.keyId) };
  });

  router.post('/user/bind', async (context) => {
    const body = await readObject(context.req);
    const login = readText(body, ['uid', 'user']);
    const person = await auth.bindCredentials(login, readText(body, ['password']));
    if (person === undefined) {
      events.emit('session:refused', { login, by: 'password' });
      throw new ServiceError('bad-credentials', 'no such user, or not their password');
    }
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
    context.body = people.map(personToWire);
  });

  router.get('/user/:id', async (context) => {
    context.body = personToWire(await personOf(await signedIn(context), context.params.id));
  });

  router.get('/user/:id/project', async (context) => {
    await personOf(await signedIn(context), context.params.id);
    context.body = [DEFAULT_PROJECT];
  });

  /** Oneself, or anybody for administrators. Others are told that no such user exists. */
  async function personOf(asker: Person, login: string | undefined): Promise<Person> {
    const isOwn = login === asker.id;
    const found = isOwn ? asker : asker.isAdmin ? await auth.user(login ?? '') : undefined;
    if (found === undefined)
      throw new ServiceError('user-not-found', `no user "${userId(login ?? '').slice(0, 80)}"`);
    return found;
  }
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
