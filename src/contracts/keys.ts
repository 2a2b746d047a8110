/** API keys as an authentication plugin compares and tells them. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Instant } from '../core/units.js';
import type { KeyScope, StoredKey } from './user.js';

/** A key in force, without anything that opens a door. */
export interface HeldKey {
  /** See `keyIdOf`. */
  readonly id: string;
  readonly name: string;
  /** Null: everything that its user may do. */
  readonly scopes: readonly KeyScope[] | null;
  readonly createdAt: Instant;
  /** Null: until it is revoked. */
  readonly expiresAt: Instant | null;
  /** To the hour; null: not used yet. */
  readonly usedAt: Instant | null;
}

/** A key's public name: the first half of its hash, which tells nothing about the key. */
export const keyIdOf = (sha256: string): string => sha256.slice(0, 32);

export const sha256Of = (key: string): string => createHash('sha256').update(key).digest('hex');

export const isExpired = (key: { readonly expiresAt?: Instant | null }, at: Instant): boolean =>
  key.expiresAt != null && key.expiresAt <= at;

/** Those that have not expired, as a `Person` carries them. */
export const heldKeys = (keys: readonly StoredKey[], at: Instant): readonly HeldKey[] =>
  keys
    .filter((key) => !isExpired(key, at))
    .map(({ name, sha256, createdAt, scopes, expiresAt, usedAt }) => ({
      id: keyIdOf(sha256),
      name,
      scopes: scopes ?? null,
      createdAt,
      expiresAt: expiresAt ?? null,
      usedAt: usedAt ?? null,
    }));

/** Compared when there is nothing to compare with, so that unknown users cost the same time. */
const NO_HASH = Buffer.alloc(32);

/** The id of the key that this is; undefined: none in force. How long it takes tells nothing of how much is right. */
export function keyIdIn(
  keys: readonly StoredKey[],
  given: string,
  at: Instant,
): string | undefined {
  const hash = Buffer.from(sha256Of(given), 'hex');
  let found: StoredKey | undefined;
  timingSafeEqual(hash, NO_HASH);
  for (const key of keys) if (timingSafeEqual(hash, Buffer.from(key.sha256, 'hex'))) found = key;
  return found === undefined || isExpired(found, at) ? undefined : keyIdOf(found.sha256);
}
