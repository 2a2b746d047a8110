/** What a request needs of an API key that is not good for everything, told by its method and path alone. */
import { ServiceError } from '../contracts/errors.js';
import type { HeldKey } from '../contracts/keys.js';
import type { KeyScope } from '../contracts/user.js';

/** `account`: keys, passwords and sessions. No scope opens these: who holds a narrow key could make a wide one. */
export type Need = Exclude<KeyScope, 'act-for'> | 'account';

const PREFIX = '/api/1.0';
/** Clients of the original change jobs with GET, and list with POST. */
const ACTS_BY_GET = /^\/task\/[^/]+\/(suspend|resume|reschedule|archive)$|^\/archive\/[^/]+$/;
const LISTS_BY_POST = /^\/task\/over(\/|$)/;
const OF_JOBS = /^\/(tasks?|archive)(\/|$)|^\/user\/[^/]+\/task$/;
const OF_ACCOUNTS = /^\/user\/[^/]+\/(keys|apikey|sshkey|password|session|webhook)(\/|$)/;

/** Whatever is not known to be less is an administrator's act. */
export function needOf(method: string, path: string): Need {
  const route = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : path;
  const isRead = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
  if (OF_ACCOUNTS.test(route)) return 'account';
  // Ending the session that asks is everybody's.
  if (route === '/session') return 'read';
  if (isRead ? !ACTS_BY_GET.test(route) : LISTS_BY_POST.test(route)) return 'read';
  return OF_JOBS.test(route) ? 'submit' : 'admin';
}

/** Every key reads; null is everything. */
export const reaches = (scopes: HeldKey['scopes'], need: Need): boolean =>
  scopes === null || need === 'read' || scopes.some((scope) => scope === need);

/** @throws ServiceError forbidden */
export function mustReach(key: HeldKey | null, method: string, path: string): void {
  const need = needOf(method, path);
  if (key === null || reaches(key.scopes, need)) return;
  throw new ServiceError(
    'forbidden',
    need === 'account'
      ? `the API key "${key.name}" is limited, and limited keys change no account`
      : `the API key "${key.name}" lacks the scope "${need}"`,
    { scope: need },
  );
}
