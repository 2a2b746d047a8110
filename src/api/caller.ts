/** Who asks, with what their key leaves of their rights; and administrators and portals who ask for somebody else. */
import type { Authenticator, Person } from '../contracts/auth.js';
import { ServiceError } from '../contracts/errors.js';
import type { Events } from '../contracts/events.js';
import type { UserId } from '../core/units.js';
import type { Asker, Context } from './context.js';
import { mustReach, needOf } from './scopes.js';
import type { Credential, Tokens } from './tokens.js';

/** A login in this header: the request is about that user. Submissions may name it in `user.id` instead. */
export const ACT_FOR_HEADER = 'X-GoDocker-Act-For';

export interface Caller extends Person {
  /** Who really asks, when it is not this person. */
  readonly actor: UserId | null;
  /** For whom they may act: `users` are those who are no administrators. */
  readonly actsFor: 'nobody' | 'users' | 'anybody';
}

/** Whose name stands on an act: who really asked. */
export const actorOf = (caller: Caller): UserId => caller.actor ?? caller.id;

export interface CallerDeps {
  readonly auth: Authenticator;
  readonly events: Events;
  readonly tokens: Tokens;
}

/** @throws ServiceError `no-token`, `bad-token`, `forbidden`, `user-not-found` */
export async function callerOf(deps: CallerDeps, context: Context): Promise<Asker> {
  const { method, path } = context;
  const credential = await deps.tokens.check(context.get('Authorization'));
  mustReach(credential.key, method, path);
  const own = ownCaller(credential);
  const keyId = credential.key?.id ?? null;
  const login = context.get(ACT_FOR_HEADER);
  if (login === '' || login === own.id) return { person: own, keyId };
  if (needOf(method, path) === 'account')
    throw new ServiceError(
      'forbidden',
      'nobody changes the keys and sessions of others in their name',
    );
  return { person: await actingFor(deps, own, login, ACT_FOR_HEADER), keyId };
}

/** A key without the scope `admin` makes a plain user of an administrator. */
function ownCaller({ person, key }: Credential): Caller {
  const scopes = key?.scopes ?? null;
  const isAdmin = person.isAdmin && (scopes === null || scopes.includes('admin'));
  const hasScope = scopes?.includes('act-for') === true;
  const isFree = person.isAdmin && (scopes === null || hasScope);
  return {
    ...person,
    isAdmin,
    actor: null,
    actsFor: isFree ? 'anybody' : hasScope ? 'users' : 'nobody',
  };
}

/**
 * The user whom the caller acts for, with that user's rights and no more: nobody becomes an administrator by it.
 * @param field where the name stood
 * @throws ServiceError `forbidden`, `user-not-found`
 */
export async function actingFor(
  { auth, events }: Pick<CallerDeps, 'auth' | 'events'>,
  caller: Caller,
  login: string,
  field: string,
): Promise<Caller> {
  if (login === caller.id) return caller;
  if (caller.actsFor === 'nobody')
    throw new ServiceError(
      'forbidden',
      `${field}: only administrators, and keys with the scope "act-for", act for others`,
      { field },
    );
  const user = await auth.user(login);
  if (user === undefined)
    throw new ServiceError('user-not-found', `${field}: no user "${login.slice(0, 80)}"`, {
      field,
    });
  if (user.isAdmin && caller.actsFor !== 'anybody')
    throw new ServiceError('forbidden', `${field}: only administrators act for administrators`, {
      field,
    });
  // The audit log has both names in the entries of what is done.
  events.emit('user:acted-for', { user: user.id, by: caller.id });
  return { ...user, isAdmin: false, actor: caller.id, actsFor: 'nobody' };
}
