/** The first account. Its secrets are in the home, readable by the service's user alone, and nowhere else. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeUser, newKey } from '../api/accounts.js';
import type { Home } from '../config/home.js';
import { systemNote } from '../contracts/audit.js';
import { ServiceError } from '../contracts/errors.js';
import type { Store } from '../contracts/store.js';
import type { Identity } from '../core/job.js';
import { userId } from '../core/units.js';
import { systemClock } from '../host/system.js';

export const ADMIN_FILE = 'admin.json';
export const ADMIN = userId('admin');
/** Who makes the account, where processes with homes of their own start together on a fresh database. */
const MAKER = 'admin-made-by';
const MADE_BY_OTHERS_MS_MAX = 10_000;
const LOOK_EACH_MS = 100;

export interface AdminKey {
  /** Null: this home has a key of the account, and only the first one its password. */
  readonly password: string | null;
  readonly apikey: string;
}

/** The account's key for this home, and the account itself where it is missing. */
export async function adminAccount(
  home: Home,
  store: Store,
  identity: Identity,
): Promise<AdminKey> {
  const text = home.read(ADMIN_FILE);
  const known = text === undefined ? undefined : (JSON.parse(text) as AdminKey);
  const record = await store.user(ADMIN);
  if (known !== undefined && record !== undefined) {
    // The account that runs jobs may have been configured anew.
    await store.changeUser(ADMIN, (now) => now && { ...now, identity });
    return known;
  }
  const key = (await isMadeElsewhere(store, home))
    ? await anotherKey(store)
    : await firstKey(store, identity);
  // Without an address until a web server listens; the next process must find the same key.
  home.writeSecret(ADMIN_FILE, `${JSON.stringify({ user: ADMIN, ...key })}\n`);
  return key;
}

/**
 * Whether another home has made the account, or is about to. A home whose file was taken away makes it anew: that is how a
 * forgotten password is replaced.
 */
async function isMadeElsewhere(store: Store, home: Home): Promise<boolean> {
  const mine = home.secret('home-id');
  if ((await store.firstSetting(MAKER, mine)) === mine) return false;
  for (let waitedMs = 0; waitedMs < MADE_BY_OTHERS_MS_MAX; waitedMs += LOOK_EACH_MS) {
    if ((await store.user(ADMIN)) !== undefined) return true;
    await sleep(LOOK_EACH_MS);
  }
  return false;
}

async function firstKey(store: Store, identity: Identity): Promise<AdminKey> {
  const password = randomBytes(18).toString('base64url');
  const made = await makeUser(
    { login: ADMIN, password, identity, isAdmin: true },
    { randomBytes, now: systemClock.now() },
  );
  await store.appendAudit(
    (['user.create', 'key.create'] as const).map((act) =>
      systemNote({
        ...{ at: systemClock.now(), act, subject: { kind: 'user', id: ADMIN } },
        facts: { host: hostname(), because: 'the first account' },
      }),
    ),
  );
  await store.putUser(made.record);
  return { password, apikey: made.key };
}

/** Beside those that other homes have. */
async function anotherKey(store: Store): Promise<AdminKey> {
  const { key, stored } = newKey(hostname(), { randomBytes, now: systemClock.now() });
  await store.appendAudit([
    systemNote({
      ...{ at: systemClock.now(), act: 'key.create', subject: { kind: 'user', id: ADMIN } },
      facts: { host: hostname(), because: 'a further home', key: stored.name },
    }),
  ]);
  const after = await store.changeUser(
    ADMIN,
    (record) => record && { ...record, keys: [...record.keys, stored] },
  );
  if (after === undefined)
    throw new ServiceError('user-not-found', 'the account admin went away while it got a key');
  return { password: null, apikey: key };
}
