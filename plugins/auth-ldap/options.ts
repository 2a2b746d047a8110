// What an operator says about the directory, with presets for the usual kinds.
import { readFileSync } from 'node:fs';
import type { OptionReader } from '../../src/contracts/plugin.js';

/** Names of attributes. */
export interface AttributeNames {
  readonly login: string;
  readonly uid: string;
  readonly gid: string;
  readonly home: string;
  readonly mail: string;
  readonly sshKey: string;
}

export interface LdapOptions {
  /** Asked in this order, until one answers. */
  readonly servers: readonly { readonly host: string; readonly url: string }[];
  readonly startTls: boolean;
  /** Authorities of the servers' certificates, PEM; null: the system's. */
  readonly ca: string | null;
  /** Null: searches are anonymous. */
  readonly admin: { readonly dn: string; readonly password: string } | null;
  /** Where people are. */
  readonly peopleDn: string;
  readonly groupsDn: string;
  /** Attributes whose values people sign in with. */
  readonly ids: readonly string[];
  /** Of entries that are people. */
  readonly filter: string;
  /** Of the groups of a person: `$LOGIN` and `$DN` stand for who it is. */
  readonly groupFilter: string;
  readonly names: AttributeNames;
  /** Members of these, by name, are administrators. */
  readonly adminGroups: readonly string[];
  /** Smaller uids belong to the system. */
  readonly uidMin: number;
  readonly timeoutMs: number;
  /** What is known of somebody is good for so long. */
  readonly refreshMs: number;
  /** And for so long while the directory is away. */
  readonly keepMs: number;
}

const POSIX = {
  login: 'uid',
  ids: ['uid', 'mail'],
  uid: 'uidNumber',
  gid: 'gidNumber',
  home: 'homeDirectory',
  mail: 'mail',
  sshKey: 'sshPublicKey',
  people: 'ou=People',
  filter: '(objectClass=posixAccount)',
  groupFilter: '(&(objectClass=posixGroup)(|(memberUid=$LOGIN)(member=$DN)))',
};

type Preset = typeof POSIX;

const PRESETS: Readonly<Record<'posix' | 'ad', Preset>> = {
  posix: POSIX,
  // Attributes of Unix (RFC 2307) in Active Directory; accounts that are switched off are nobody.
  ad: {
    login: 'sAMAccountName',
    ids: ['sAMAccountName', 'userPrincipalName', 'mail'],
    uid: 'uidNumber',
    gid: 'gidNumber',
    home: 'unixHomeDirectory',
    mail: 'mail',
    sshKey: 'altSecurityIdentities',
    people: '',
    filter:
      '(&(objectCategory=person)(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))',
    groupFilter: '(&(objectClass=group)(member:1.2.840.113556.1.4.1941:=$DN))',
  },
};

const PORT = 389;
const PORT_OF_LDAPS = 636;
/** Below what a call of a plugin may take. */
const TIMEOUT_MS = 1_500;
const REFRESH_MS = 120_000;
const KEEP_MS = 86_400_000;
const UID_MIN = 1_000;
/** As the standard has attribute names. */
const ATTRIBUTE = /^[A-Za-z][A-Za-z0-9-]{0,127}$/;

export function readOptions(raw: OptionReader): LdapOptions {
  const preset = PRESETS[raw.choice('preset', ['posix', 'ad'], 'posix')];
  const isSsl = raw.flag('ssl', false);
  const port = raw.integer('port', isSsl ? PORT_OF_LDAPS : PORT, { min: 1, max: 65_535 });
  const dn = needed(raw, 'dn', 'the base of the directory, as in dc=example,dc=org');
  const people = raw.optionalText('base_dn_filter') ?? preset.people;
  return {
    servers: readServers(raw, { isSsl, port }),
    startTls: readStartTls(raw, isSsl),
    ca: fileOf(raw, 'ca'),
    admin: readAdmin(raw),
    peopleDn: people === '' ? dn : `${people},${dn}`,
    groupsDn: raw.text('groups_dn', dn),
    ids: raw.words('ids', preset.ids).map((name) => attribute(raw, 'ids', name)),
    filter: readFilter(raw, 'filter', preset.filter),
    groupFilter: readFilter(raw, 'group_filter', preset.groupFilter),
    names: readNames(raw, preset),
    adminGroups: raw.words('admin_groups', []),
    uidMin: raw.integer('uid_min', UID_MIN, { min: 1 }),
    timeoutMs: duration(raw, 'timeout', { usual: TIMEOUT_MS, min: 100, max: TIMEOUT_MS }),
    refreshMs: duration(raw, 'refresh', { usual: REFRESH_MS, min: 1_000, max: 3_600_000 }),
    keepMs: duration(raw, 'keep', { usual: KEEP_MS, min: 0, max: 30 * KEEP_MS }),
  };
}

function needed(raw: OptionReader, key: string, what: string): string {
  const found = raw.optionalText(key);
  if (found === null) raw.problem(key, undefined, what);
  return found ?? '';
}

function readServers(
  raw: OptionReader,
  { isSsl, port }: { readonly isSsl: boolean; readonly port: number },
): LdapOptions['servers'] {
  const servers = raw.words('host', []).flatMap((word) => {
    const parts = /^(?:\[([\da-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(word);
    const host = parts?.[1] ?? parts?.[2];
    if (host === undefined) {
      raw.problem('host', word, 'hosts as in ldap1, ldap1:389 or [::1]:389');
      return [];
    }
    const name = parts?.[1] === undefined ? host : `[${host}]`;
    return [{ host, url: `${isSsl ? 'ldaps' : 'ldap'}://${name}:${parts?.[3] ?? port}` }];
  });
  if (servers.length === 0) raw.problem('host', undefined, 'where the directory answers');
  return servers;
}

function readStartTls(raw: OptionReader, isSsl: boolean): boolean {
  const isAsked = raw.flag('starttls', false);
  if (isAsked && isSsl) raw.problem('starttls', true, 'either ssl or starttls');
  return isAsked;
}

function readAdmin(raw: OptionReader): LdapOptions['admin'] {
  const dn = raw.optionalText('admin_dn');
  const password = raw.secret('admin_password');
  if (dn === null) return null;
  // A bind without a password is an anonymous one that looks like more.
  if (password === null)
    raw.problem('admin_password', undefined, 'a password, or no admin_dn for anonymous searches');
  return { dn, password: password ?? '' };
}

function readNames(raw: OptionReader, preset: Preset): AttributeNames {
  const name = (key: string, usual: string) => attribute(raw, key, raw.text(key, usual));
  return {
    login: name('fields.login', preset.login),
    uid: name('fields.uidNumber', preset.uid),
    gid: name('fields.gidNumber', preset.gid),
    home: name('fields.homeDirectory', preset.home),
    mail: name('fields.mail', preset.mail),
    sshKey: name('fields.sshPublicKey', preset.sshKey),
  };
}

function attribute(raw: OptionReader, key: string, name: string): string {
  if (!ATTRIBUTE.test(name)) raw.problem(key, name, 'names of attributes, as in uidNumber');
  return name;
}

function readFilter(raw: OptionReader, key: string, usual: string): string {
  const filter = raw.text(key, usual);
  if (!/^\(.*\)$/s.test(filter)) raw.problem(key, filter, 'a filter in parentheses');
  return filter;
}

function duration(
  raw: OptionReader,
  key: string,
  { usual, min, max }: { readonly usual: number; readonly min: number; readonly max: number },
): number {
  const ms = raw.duration(key, usual);
  if (ms < min || ms > max)
    raw.problem(key, ms / 1000, `from ${min / 1000} to ${max / 1000} seconds`);
  return ms;
}

function fileOf(raw: OptionReader, key: string): string | null {
  const path = raw.optionalText(key);
  if (path === null) return null;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    raw.problem(
      key,
      `${path}: ${(error as NodeJS.ErrnoException).code}`,
      'a file that can be read',
    );
    return null;
  }
}
