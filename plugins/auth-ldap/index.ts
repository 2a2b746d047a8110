/**
 * Accounts of a directory: passwords are the directory's, keys, priorities and quotas are kept here from the first sign-in on.
 * While the directory is away, whoever it knew lately goes on; whoever has left it is nobody within minutes.
 */
import { randomBytes } from 'node:crypto';
import type { Authenticator, Person, VolumeAnswer, VolumeWish } from '../../src/contracts/auth.js';
import { ServiceError } from '../../src/contracts/errors.js';
import { keyIdIn } from '../../src/contracts/keys.js';
import { isLocal, personOf } from '../../src/contracts/person.js';
import { definePlugin, type Host } from '../../src/contracts/plugin.js';
import type { UserRecord } from '../../src/contracts/store.js';
import { grantVolumes } from '../../src/contracts/volume-grants.js';
import { type UserId, userId } from '../../src/core/units.js';
import { Directory } from './directory.js';
import { type LdapOptions, readOptions } from './options.js';
import { type Found, People } from './people.js';
import { accountOf } from './record.js';

export default definePlugin({
  kind: 'auth',
  name: 'ldap',
  options: readOptions,
  create: (options, host) => new LdapAccounts(options, host),
});

const NAME = 'ldap';
/** Accounts whose last answer is remembered; one more costs a search. */
const REMEMBERED_MAX = 10_000;
/** A directory that was away is not asked again for so long: each who waits for it holds a request. */
const AWAY_MS = 5_000;

interface Answer {
  /** Undefined: the directory knows nobody of that login. */
  readonly found: Found | undefined;
  readonly atMs: number;
}

class LdapAccounts implements Authenticator {
  readonly name = NAME;
  readonly #options: LdapOptions;
  readonly #host: Host;
  readonly #directory: Directory;
  readonly #people: People;
  readonly #answers = new Map<string, Answer>();
  readonly #asking = new Map<string, Promise<Found | undefined>>();
  #awayUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: LdapOptions, host: Host) {
    this.#options = options;
    this.#host = host;
    this.#directory = new Directory(options, host.log);
    this.#people = new People(this.#directory, options, host.log);
    const isPlain = !options.startTls && options.servers.some(({ url }) => /^ldap:/.test(url));
    if (isPlain && !options.servers.every(({ host: name }) => isLoopback(name)))
      host.log.warn(
        'passwords cross the network to the directory in the clear: set ssl or starttls',
      );
  }

  async bindCredentials(login: string, password: string): Promise<Person | undefined> {
    // Before anything is sent: a bind without a password succeeds, as nobody.
    if (password === '') return undefined;
    const found = await this.#people.named(login);
    // Unknown logins cost the directory, and whoever waits, the same.
    const isRight = await this.#directory.opens(found?.dn ?? this.#nobody(), password);
    if (found === undefined || !isRight) return undefined;
    const record = await this.#host.users.user(found.id);
    if (record !== undefined && isLocal(record)) {
      this.#host.log.warn('the directory has a login that is an account of ours', { login });
      return undefined;
    }
    this.#remember(found.id, found);
    return this.#person(await this.#kept(found), found);
  }

  async bindApi(
    login: string,
    key: string,
  ): Promise<{ readonly person: Person; readonly keyId: string } | undefined> {
    const record = await this.#host.users.user(login);
    const keyId = keyIdIn(record?.keys ?? [], key, this.#host.clock.now());
    if (keyId === undefined) return undefined;
    const person = await this.user(login);
    const isInForce = person?.keys.some(({ id }) => id === keyId) === true;
    return person === undefined || !isInForce ? undefined : { person, keyId };
  }

  /** @throws ServiceError auth-unavailable: the directory is away, and this account has not been seen lately */
  async user(login: string): Promise<Person | undefined> {
    const record = await this.#host.users.user(login);
    if (record !== undefined && isLocal(record)) return personOf(record, this.#host.clock.now());
    const found = await this.#current(login, record);
    return found === undefined ? undefined : this.#person(await this.#kept(found, record), found);
  }

  volumes(person: Person, wishes: readonly VolumeWish[], isRoot: boolean): Promise<VolumeAnswer> {
    return grantVolumes(this.#host.volumes, person, { wishes, isRoot });
  }

  #person(record: UserRecord | undefined, found: Found): Person | undefined {
    const person = record && personOf(record, this.#host.clock.now());
    if (person === undefined) return undefined;
    const sshPublicKey = person.sshPublicKey || found.sshPublicKey;
    return { ...person, sshPublicKey, isAdmin: person.isAdmin || found.isAdmin };
  }

  /** What the directory says, or said lately. */
  async #current(login: string, record: UserRecord | undefined): Promise<Found | undefined> {
    const { clock } = this.#host;
    const known = this.#answers.get(login);
    const nowMs = clock.monotonicMs();
    if (known !== undefined && nowMs - known.atMs < this.#options.refreshMs) return known.found;
    let trouble: unknown;
    if (nowMs < this.#awayUntilMs) trouble = new Error('the directory was away a moment ago');
    else {
      try {
        const found = await this.#asked(login);
        this.#remember(login, found);
        return found;
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        this.#awayUntilMs = clock.monotonicMs() + AWAY_MS;
        trouble = error;
      }
    }
    const lastly = known === undefined ? seenIn(record) : known.found;
    const ageMs =
      known === undefined ? clock.now() - (record?.confirmedAt ?? 0) : nowMs - known.atMs;
    if (lastly !== undefined && ageMs < this.#options.keepMs) return lastly;
    throw new ServiceError(
      'auth-unavailable',
      'the directory of users does not answer: try again in a while',
      {},
      { cause: trouble },
    );
  }

  /** Those who ask for one login at the same time share one question. */
  #asked(login: string): Promise<Found | undefined> {
    const under = this.#asking.get(login);
    if (under !== undefined) return under;
    const question = this.#people.withLogin(login).finally(() => this.#asking.delete(login));
    this.#asking.set(login, question);
    return question;
  }

  #remember(login: string, found: Found | undefined): void {
    this.#answers.delete(login);
    this.#answers.set(login, { found, atMs: this.#host.clock.monotonicMs() });
    if (this.#answers.size <= REMEMBERED_MAX) return;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined) this.#answers.delete(oldest);
  }

  /** The account on record, made or brought up to date. Undefined: it is one of ours by now. */
  async #kept(found: Found, record?: UserRecord): Promise<UserRecord | undefined> {
    const now = this.#host.clock.now();
    if (record !== undefined && accountOf(record, found, { from: NAME, now }) === record)
      return record;
    let isAnother = false;
    const kept = await this.#host.users.change(found.id, (before) => {
      if (before !== undefined && isLocal(before)) return undefined;
      isAnother = before !== undefined && before.identity.uid !== found.identity.uid;
      return accountOf(before, found, { from: NAME, now });
    });
    if (isAnother)
      this.#host.log.warn('a login has another uid now: its keys are gone', { login: found.id });
    return kept === undefined || isLocal(kept) ? undefined : kept;
  }

  /** An entry that is not there. */
  #nobody(): string {
    return `cn=${randomBytes(8).toString('hex')},${this.#options.peopleDn}`;
  }
}

/** What the record remembers of the directory's last word. */
function seenIn(record: UserRecord | undefined): Found | undefined {
  if (record?.from !== NAME || record.confirmedAt === undefined) return undefined;
  const { id, identity } = record;
  const login: UserId = userId(id);
  // Administrators by group have to wait for the directory.
  return { id: login, dn: '', identity, isAdmin: false, sshPublicKey: '' };
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host.startsWith('127.');
