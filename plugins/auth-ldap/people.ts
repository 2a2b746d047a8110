// From entries of the directory to accounts; what would let somebody run as the system is refused here.
import type { Log } from '../../src/contracts/log.js';
import type { Identity } from '../../src/core/job.js';
import { isLogin } from '../../src/core/login.js';
import { type UserId, userId } from '../../src/core/units.js';
import type { Directory, Entry } from './directory.js';
import { filled, personFilter } from './filter.js';
import type { LdapOptions } from './options.js';

/** Somebody as the directory knows them. */
export interface Found {
  readonly id: UserId;
  readonly dn: string;
  readonly identity: Identity;
  readonly isAdmin: boolean;
  readonly sshPublicKey: string;
}

const LOGIN_CHARS_MAX = 256;
const GROUPS_MAX = 1_000;
const ID_MAX = 2 ** 32 - 2;

export class People {
  readonly #directory: Pick<Directory, 'search'>;
  readonly #options: LdapOptions;
  readonly #log: Log;

  constructor(directory: Pick<Directory, 'search'>, options: LdapOptions, log: Log) {
    this.#directory = directory;
    this.#options = options;
    this.#log = log;
  }

  /** Who signs in with this word; undefined: nobody, or more than one. @throws ServiceError auth-unavailable */
  named(word: string): Promise<Found | undefined> {
    return this.#find(this.#options.ids, word);
  }

  /** Whose login this is, letter by letter. @throws ServiceError auth-unavailable */
  async withLogin(login: string): Promise<Found | undefined> {
    const found = await this.#find([this.#options.names.login], login);
    return found?.id === login ? found : undefined;
  }

  async #find(names: readonly string[], word: string): Promise<Found | undefined> {
    if (word === '' || word.length > LOGIN_CHARS_MAX || word.includes('\0')) return undefined;
    const { filter, peopleDn, names: wanted } = this.#options;
    const entries = await this.#directory.search({
      base: peopleDn,
      filter: personFilter(filter, names, word),
      attributes: Object.values(wanted),
      limit: 2,
    });
    const [entry, ...others] = entries;
    if (others.length > 0)
      this.#log.warn('a login that several have opens nothing', { login: word });
    return entry === undefined || others.length > 0 ? undefined : this.#personOf(entry, word);
  }

  async #personOf(entry: Entry, word: string): Promise<Found | undefined> {
    const { names, adminGroups } = this.#options;
    const all = (name: string) => entry.attributes.get(name.toLowerCase()) ?? [];
    const logins = all(names.login);
    const login = logins.find((one) => one.toLowerCase() === word.toLowerCase()) ?? logins[0] ?? '';
    const uid = idOf(all(names.uid)[0]);
    const gid = idOf(all(names.gid)[0]);
    const no = this.#refusal({ login, uid, gid });
    if (no !== undefined || uid === undefined || gid === undefined) {
      this.#log.warn('somebody of the directory cannot have an account', {
        dn: entry.dn,
        because: no,
      });
      return undefined;
    }
    const groups = await this.#groupsOf({ login, dn: entry.dn });
    const gids = groups.map((group) => idOf(group.gid)).filter((one) => one !== undefined);
    const sgids = [...new Set(gids)]
      .filter((one) => one !== gid && one !== 0)
      .sort((a, b) => a - b);
    const [email = null] = all(names.mail);
    return {
      id: userId(login),
      dn: entry.dn,
      identity: { uid, gid, sgids, home: homeOf(all(names.home)[0]), email },
      isAdmin: groups.some(({ name }) => adminGroups.includes(name)),
      sshPublicKey: all(names.sshKey).find((key) => /^(ssh|ecdsa|sk)-/.test(key)) ?? '',
    };
  }

  #refusal({
    login,
    uid,
    gid,
  }: {
    readonly login: string;
    readonly uid: number | undefined;
    readonly gid: number | undefined;
  }): string | undefined {
    const { uidMin, names } = this.#options;
    if (!isLogin(login)) return `"${login.slice(0, 80)}" cannot be a login here`;
    if (uid === undefined) return `${names.uid} is no number`;
    if (uid < uidMin) return `${names.uid} ${uid} is below ${uidMin}`;
    if (gid === undefined) return `${names.gid} is no number`;
    return gid === 0 ? `${names.gid} is 0` : undefined;
  }

  async #groupsOf(who: {
    readonly login: string;
    readonly dn: string;
  }): Promise<readonly { readonly name: string; readonly gid: string | undefined }[]> {
    const { groupsDn, groupFilter, names } = this.#options;
    const entries = await this.#directory.search({
      base: groupsDn,
      filter: filled(groupFilter, who),
      attributes: ['cn', names.gid],
      limit: GROUPS_MAX,
    });
    return entries.map(({ attributes }) => ({
      name: attributes.get('cn')?.[0] ?? '',
      gid: attributes.get(names.gid.toLowerCase())?.[0],
    }));
  }
}

function idOf(text: string | undefined): number | undefined {
  const value = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
  return value !== undefined && value <= ID_MAX ? value : undefined;
}

/** It is mounted into containers: an absolute path without steps upwards, else none. */
const homeOf = (path: string | undefined): string =>
  path !== undefined && /^\/[^\0\n]*$/.test(path) && !path.split('/').includes('..') ? path : '';
