/** Accounts as they are on record, and the part of the store that keeps them. */
import type { Identity } from '../core/job.js';
import type { Quotas } from '../core/quota.js';
import type { Instant, UserId } from '../core/units.js';

/**
 * What a key that is not good for everything is good for. Every key reads what its user may read; `submit`: submits,
 * changes and kills the user's own jobs; `admin`: an administrator's acts; `act-for`: acts for other users.
 */
export const KEY_SCOPES = ['read', 'submit', 'admin', 'act-for'] as const;
export type KeyScope = (typeof KEY_SCOPES)[number];

/** An API key as stored: the key itself is shown once and never kept. */
export interface StoredKey {
  readonly name: string;
  /** Hex SHA-256; keys are random and long, so a fast hash is right. */
  readonly sha256: string;
  readonly createdAt: Instant;
  /** Null or absent: everything that its user may do. */
  readonly scopes?: readonly KeyScope[] | null;
  /** Null or absent: until it is revoked. */
  readonly expiresAt?: Instant | null;
  /** To the hour; null or absent: not used since this is noted. */
  readonly usedAt?: Instant | null;
}

export interface UserRecord {
  readonly id: UserId;
  readonly identity: Identity;
  readonly isAdmin: boolean;
  /** Argon2id in PHC form; null for accounts that no local password opens. */
  readonly passwordHash: string | null;
  readonly keys: readonly StoredKey[];
  /** Public SSH key, or the empty string. */
  readonly sshPublicKey: string;
  /** 0–100, 50 for most. */
  readonly prio: number;
  readonly quotas: Quotas;
  readonly createdAt: Instant;
  /**
   * Who vouches for the account: `local` is made by an administrator of ours and needs nobody; `guest` came through a
   * trusted proxy; else the directory whose plugin has this name. Absent: of before this was noted.
   */
  readonly from?: string;
  /** When the directory named by `from` last knew it, to the hour. */
  readonly confirmedAt?: Instant;
  /** Of guests: an administrator has let them in. */
  readonly isActive?: boolean;
}

export interface UserStore {
  user(id: UserId): Promise<UserRecord | undefined>;
  users(): Promise<readonly UserRecord[]>;
  /** Makes or replaces, whatever others wrote meanwhile: for who makes accounts. Changes are `changeUser`'s. */
  putUser(user: UserRecord): Promise<void>;
  /**
   * One step from what stands to what `change` makes of it, so that no change of somebody else is lost, and no key that
   * was revoked comes back. `change` gets undefined where there is no such user, may be called several times, and answers
   * undefined to leave all as it is. Answers what stands afterwards.
   */
  changeUser(
    id: UserId,
    change: (user: UserRecord | undefined) => UserRecord | undefined,
  ): Promise<UserRecord | undefined>;
  deleteUser(id: UserId): Promise<boolean>;
}
