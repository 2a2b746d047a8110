/** Makes accounts and API keys. Passwords are kept as Argon2id, keys as SHA-256: a key is shown once and never again. */
import { hash } from '@node-rs/argon2';
import { sha256Of } from '../contracts/keys.js';
import type { StoredKey, UserRecord } from '../contracts/store.js';
import type { Identity } from '../core/job.js';
import { type Instant, userId } from '../core/units.js';

/** Names of the key that clients of the original know as the only one: made here, and imported. */
export const HISTORIC_KEYS = ['first', 'original'] as const;

/** Long enough that a fast hash is safe. */
const KEY_BYTES = 32;

export interface AccountPorts {
  readonly randomBytes: (count: number) => Uint8Array;
  readonly now: Instant;
}

export interface NewUser {
  readonly login: string;
  /** Null: no local password opens the account. */
  readonly password: string | null;
  readonly identity: Identity;
  readonly isAdmin: boolean;
}

/** A new key for a user: the text to show once, and what is stored of it. */
export function newKey(
  name: string,
  { randomBytes, now }: AccountPorts,
  limits: Pick<StoredKey, 'scopes' | 'expiresAt'> = {},
): { readonly key: string; readonly stored: StoredKey } {
  const key = Buffer.from(randomBytes(KEY_BYTES)).toString('base64url');
  return { key, stored: { name, sha256: sha256Of(key), createdAt: now, ...limits } };
}

export const hashPassword = (password: string): Promise<string> => hash(password);

/** A user with one API key. The caller stores the record. */
export async function makeUser(
  { login, password, identity, isAdmin }: NewUser,
  ports: AccountPorts,
): Promise<{ readonly record: UserRecord; readonly key: string }> {
  const { key, stored } = newKey(HISTORIC_KEYS[0], ports);
  const record: UserRecord = {
    id: userId(login),
    identity,
    isAdmin,
    passwordHash: password === null ? null : await hashPassword(password),
    keys: [stored],
    sshPublicKey: '',
    prio: 50,
    quotas: { time: 0, cpu: 0, ram: 0 },
    createdAt: ports.now,
  };
  return { record, key };
}
