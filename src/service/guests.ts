/** Who guests are to the system: the account of the configuration, with homes of their own or none. */
import { join } from 'node:path';
import type { GuestIdentity } from '../api/proxy.js';
import { systemAccount } from '../config/job-account.js';
import type { GuestsConfig } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';

/** @throws ServiceError bad-field: there is no such account, or it is root */
export function guestIdentity(guests: GuestsConfig | null): GuestIdentity | null {
  if (guests === null) return null;
  const bound = systemAccount(guests.account);
  if (bound === undefined || bound.uid === 0)
    throw new ServiceError(
      'bad-field',
      `guest_bind: wanted a system account that is not root; found "${guests.account}"`,
      { field: 'guest_bind' },
    );
  const { homeRoot } = guests;
  const homeOf = (login: string): string =>
    homeRoot === null ? '' : homeRoot === 'default' ? bound.home : join(homeRoot, login);
  return (login) => ({ ...bound, home: homeOf(login), email: null });
}
