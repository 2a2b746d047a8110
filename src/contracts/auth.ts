/** What an authentication plugin is to the API: it says who somebody is and which directories they may mount. */
import type { Identity, Volume } from '../core/job.js';
import type { Quotas } from '../core/quota.js';
import type { Instant, UserId } from '../core/units.js';
import type { HeldKey } from './keys.js';

/** An account as the API sees it. Holds no secret. */
export interface Person {
  readonly id: UserId;
  readonly identity: Identity;
  readonly isAdmin: boolean;
  /** Public SSH key, or the empty string. */
  readonly sshPublicKey: string;
  /** 0–100, 50 for most. */
  readonly prio: number;
  readonly quotas: Quotas;
  /** The API keys in force. A token obtained with a key is valid as long as the key stands here. */
  readonly keys: readonly HeldKey[];
  /** When the account was made: sessions of an earlier one of that login are void. Absent: not known. */
  readonly since?: Instant;
  /** Of those whom a trusted proxy vouches for: they run as an account of the site. Absent: no. */
  readonly isGuest?: boolean;
}

/** A directory the site offers to jobs. `$USERID` in path and mount stands for the login. */
export interface SiteVolume {
  readonly name: string;
  readonly acl: 'ro' | 'rw';
  /** Path on the hosts; null for `home`: the user's own. */
  readonly path: string | null;
  /** Path in the container; null: `/mnt/home` for `home`, else the same as `path`. */
  readonly mount: string | null;
  /** A directory that is not there is refused. */
  readonly isChecked: boolean;
}

export interface VolumeWish {
  readonly name: string;
  /** Null: not said. Read-only then, but for `home`. */
  readonly acl: 'ro' | 'rw' | null;
}

export interface VolumeRefusal {
  readonly name: string;
  /** `unknown`: no volume of that name; `missing`: its directory is not there; `forbidden`: not for this user. */
  readonly because: 'unknown' | 'missing' | 'forbidden';
}

export interface VolumeAnswer {
  readonly granted: readonly Volume[];
  readonly refused: readonly VolumeRefusal[];
}

export interface Authenticator {
  readonly name: string;
  /** The person whose password this is; undefined for wrong and for unknown, after the same time. */
  bindCredentials(login: string, password: string): Promise<Person | undefined>;
  /** The person whose API key this is, and the id of the key. */
  bindApi(
    login: string,
    key: string,
  ): Promise<{ readonly person: Person; readonly keyId: string } | undefined>;
  /** Undefined: nobody of that name, or no longer. */
  user(login: string): Promise<Person | undefined>;
  /** What of the wishes is granted, with real paths. A job that runs as root gets everything read-only. */
  volumes(person: Person, wishes: readonly VolumeWish[], isRoot: boolean): Promise<VolumeAnswer>;
}
