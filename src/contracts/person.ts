/** Out of an account on record: the person that an authentication plugin tells of. */
import type { Instant } from '../core/units.js';
import type { Person } from './auth.js';
import { heldKeys } from './keys.js';
import type { UserRecord } from './user.js';

/** Undefined: a guest whom no administrator has let in. */
export const personOf = (user: UserRecord, at: Instant): Person | undefined =>
  user.isActive === false
    ? undefined
    : {
        id: user.id,
        identity: user.identity,
        isAdmin: user.isAdmin,
        sshPublicKey: user.sshPublicKey,
        prio: user.prio,
        quotas: user.quotas,
        keys: heldKeys(user.keys, at),
        since: user.createdAt,
        isGuest: user.from === 'guest',
      };

/** Whether the account is made by an administrator of ours, and no directory is asked about it. */
export const isLocal = ({ from, passwordHash }: UserRecord): boolean =>
  from === 'local' || from === 'guest' || passwordHash !== null;
