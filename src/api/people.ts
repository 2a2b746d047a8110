/** Whom a request is about, and whether the asker may ask. */
import type { Person } from '../contracts/auth.js';
import { ServiceError } from '../contracts/errors.js';
import { userId } from '../core/units.js';
import type { ApiDeps } from './deps.js';

/** Oneself, or anybody for administrators. Others are told that no such user exists. */
export async function personFor(
  { auth }: Pick<ApiDeps, 'auth'>,
  asker: Person,
  login: string | undefined,
): Promise<Person> {
  const isOwn = login === asker.id;
  const found = isOwn ? asker : asker.isAdmin ? await auth.user(login ?? '') : undefined;
  if (found === undefined)
    throw new ServiceError('user-not-found', `no user "${userId(login ?? '').slice(0, 80)}"`);
  return found;
}
