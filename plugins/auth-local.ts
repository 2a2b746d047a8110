// Accounts kept by GoDocker itself: Argon2id passwords, API keys, volumes of the configuration.
import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { compare } from 'bcryptjs';
import type { Authenticator, Person, VolumeAnswer, VolumeWish } from '../src/contracts/auth.js';
import { ServiceError } from '../src/contracts/errors.js';
import { keyIdIn } from '../src/contracts/keys.js';
import { personOf } from '../src/contracts/person.js';
import { definePlugin, type Host } from '../src/contracts/plugin.js';
import type { UserRecord } from '../src/contracts/store.js';
import { grantVolumes } from '../src/contracts/volume-grants.js';

export default definePlugin({
  kind: 'auth',
  name: 'local',
  options: () => ({}),
  create: (_options, host) => new LocalAccounts(host),
});

/** How hashes of an original GoDocker begin. */
const BCRYPT = '$2';

/** Checking a password is heavy on purpose, and shares its threads with all file work of the process. */
const CHECKS_AT_ONCE_MAX = 2;
/** Who comes when so many wait is turned away: nobody guesses passwords by the thousand. */
const CHECKS_WAITING_MAX = 50;

/** Lets a few through at once, the others in their order. */
class Turnstile {
  readonly #atOnceMax: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(atOnceMax: number, waitingMax: number) {
    this.#atOnceMax = atOnceMax;
    this.#waitingMax = waitingMax;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#atOnceMax) this.#inside++;
    else if (this.#waiting.length >= this.#waitingMax)
      throw new ServiceError('rate-limited', 'too many passwords are being checked: try again');
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#inside--;
      else next();
    }
  }
}

class LocalAccounts implements Authenticator {
  readonly name = 'local';
  readonly #host: Host;
  readonly #checks = new Turnstile(CHECKS_AT_ONCE_MAX, CHECKS_WAITING_MAX);
  #decoy: Promise<string> | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  async bindCredentials(login: string, password: string): Promise<Person | undefined> {
    const user = await this.#host.users.user(login);
    // Made of random bytes: no password opens it.
    this.#decoy ??= hash(randomBytes(32));
    const stored = user?.passwordHash ?? (await this.#decoy);
    const isOld = stored.startsWith(BCRYPT);
    const isRight = await this.#checks.run(() =>
      isOld ? compare(password, stored) : verify(stored, password),
    );
    if (user === undefined || user.passwordHash === null || !isRight) return undefined;
    if (isOld) await this.#keepAnew(login, stored, password);
    return this.#personOf(user);
  }

  /** A password of an original GoDocker was right: from now on it is kept as all others are. */
  async #keepAnew(login: string, former: string, password: string): Promise<void> {
    try {
      await this.#host.users.replaceHash(login, { former, next: await hash(password) });
    } catch (error) {
      // It stays as it was, and is tried again at the next sign-in.
      this.#host.log.warn('a password could not be kept anew', { login, error });
    }
  }

  async bindApi(
    login: string,
    key: string,
  ): Promise<{ readonly person: Person; readonly keyId: string } | undefined> {
    const user = await this.#host.users.user(login);
    const keyId = keyIdIn(user?.keys ?? [], key, this.#host.clock.now());
    const person = user === undefined ? undefined : this.#personOf(user);
    return person === undefined || keyId === undefined ? undefined : { person, keyId };
  }

  async user(login: string): Promise<Person | undefined> {
    const user = await this.#host.users.user(login);
    return user === undefined ? undefined : this.#personOf(user);
  }

  #personOf(user: UserRecord): Person | undefined {
    return personOf(user, this.#host.clock.now());
  }

  volumes(person: Person, wishes: readonly VolumeWish[], isRoot: boolean): Promise<VolumeAnswer> {
    return grantVolumes(this.#host.volumes, person, { wishes, isRoot });
  }
}
