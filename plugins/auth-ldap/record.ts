// The account on record that stands for somebody of the directory.
import type { UserRecord } from '../../src/contracts/store.js';
import type { Identity } from '../../src/core/job.js';
import { PRIO_USUAL } from '../../src/core/policy.js';
import { type Instant, instant } from '../../src/core/units.js';
import type { Found } from './people.js';

/** To this much it is kept when the directory last knew somebody: each is a write. */
const CONFIRMED_EACH_MS = 3_600_000;

/**
 * `before` itself when nothing has changed. Another uid is another person, to whom a login was given again: what the former one
 * had made to sign in with is gone.
 */
export function accountOf(
  before: UserRecord | undefined,
  { id, identity }: Found,
  { from, now }: { readonly from: string; readonly now: Instant },
): UserRecord {
  const confirmedAt = instant(now - (now % CONFIRMED_EACH_MS));
  if (before === undefined)
    return {
      id,
      identity,
      isAdmin: false,
      passwordHash: null,
      keys: [],
      sshPublicKey: '',
      prio: PRIO_USUAL,
      quotas: { time: 0, cpu: 0, ram: 0 },
      createdAt: now,
      from,
      confirmedAt,
    };
  const isSame = isSameIdentity(before.identity, identity);
  if (isSame && before.from === from && (before.confirmedAt ?? 0) >= confirmedAt) return before;
  const isAnother = before.identity.uid !== identity.uid;
  const anew = isAnother ? { keys: [], sshPublicKey: '', isAdmin: false, createdAt: now } : {};
  return { ...before, ...anew, identity, from, confirmedAt };
}

const isSameIdentity = (a: Identity, b: Identity): boolean =>
  a.uid === b.uid &&
  a.gid === b.gid &&
  a.home === b.home &&
  a.email === b.email &&
  a.sgids.join() === b.sgids.join();
