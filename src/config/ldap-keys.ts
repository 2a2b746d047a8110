/** Keys of the directory of users: what `auth_policy: ldap` reads. The plugin knows what is usual and checks all of it. */
import type { Raw } from '../contracts/reader.js';
import { flag, optional, optionalChoice, optionalDuration, secret, size, words } from './keys.js';
import type { Values } from './schema.js';

export const LDAP = {
  'ldap.host': words(
    [],
    'Servers of the directory, as in `ldap1` or `ldap1:389`; the first that answers is asked.',
  ),
  'ldap.port': size(
    { min: 1, max: 65_535 },
    '389; 636 with `ldap.ssl`',
    'Port of the hosts that name none.',
  ),
  'ldap.ssl': flag(false, 'Speak LDAPS.'),
  'ldap.starttls': flag(false, 'Change to TLS before anything else is said.'),
  'ldap.ca': optional("the system's", "Authorities of the servers' certificates, PEM.", 'path'),
  'ldap.preset': optionalChoice(
    ['posix', 'ad'],
    'The usual names and filters: of `posixAccount` (when left out), or of Active Directory.',
  ),
  'ldap.dn': optional('needed', 'Base of the directory, as in `dc=example,dc=org`.'),
  'ldap.base_dn_filter': optional(
    '`ou=People`; none for `ad`',
    'Where people are, below `ldap.dn`.',
  ),
  'ldap.groups_dn': optional('`ldap.dn`', 'Where groups are, in full.'),
  'ldap.ids': words(
    [],
    'Attributes that people sign in with. Left out: `uid` and `mail`, or those of `ad`.',
  ),
  'ldap.filter': optional(
    'that of the preset',
    'Entries that are people, as in `(objectClass=posixAccount)`.',
  ),
  'ldap.group_filter': optional(
    'that of the preset',
    "A person's groups; `$LOGIN` and `$DN` stand for who it is.",
  ),
  'ldap.admin_dn': optional('anonymous', 'Who searches.'),
  ...secret('ldap.admin_password', 'none', 'Their password.'),
  'ldap.admin_groups': words([], 'Groups, by name, whose members are administrators.'),
  'ldap.uid_min': size(
    { min: 1 },
    '1000',
    'Accounts with smaller uids do not get in; 0 never does.',
  ),
  'ldap.timeout': optionalDuration(
    'How long a server may take. Usually 1.5 seconds; no more will do.',
  ),
  'ldap.refresh': optionalDuration(
    'How long an answer of the directory is good: within this, those who have left it are nobody. Usually 2 minutes.',
  ),
  'ldap.keep': optionalDuration(
    'How long whoever is signed in, or has a key, goes on while the directory is away. Usually a day.',
  ),
  'ldap.fields.login': optional('`uid`; `sAMAccountName`', 'Attribute of the login.'),
  'ldap.fields.uidNumber': optional('`uidNumber`', 'Of the uid.'),
  'ldap.fields.gidNumber': optional('`gidNumber`', 'Of the gid, of people and of groups.'),
  'ldap.fields.homeDirectory': optional('`homeDirectory`; `unixHomeDirectory`', 'Of the home.'),
  'ldap.fields.mail': optional('`mail`', 'Of the e-mail address.'),
  'ldap.fields.sshPublicKey': optional(
    '`sshPublicKey`; `altSecurityIdentities`',
    'Of the public SSH key.',
  ),
};

const PREFIX = 'ldap.';

/** What was set, as options of the plugin; what was left out is the plugin's to know. */
export function ldapOptions(values: Values): Raw {
  const options: Record<string, unknown> = {};
  const fields: Record<string, unknown> = {};
  for (const path of Object.keys(LDAP) as readonly (keyof typeof LDAP)[]) {
    const value = values[path];
    const isSet = Array.isArray(value) ? value.length > 0 : value !== null && value !== false;
    // What stands in the file was read as the secret itself.
    if (!isSet || path === 'ldap.admin_password_file') continue;
    const name = path.slice(PREFIX.length);
    // Durations were read already: as seconds they are read the same once more.
    const plain = DURATIONS.has(path) ? `${Math.ceil(Number(value) / 1000)}s` : value;
    if (name.startsWith('fields.')) fields[name.slice('fields.'.length)] = plain;
    else options[name] = plain;
  }
  return Object.keys(fields).length === 0 ? options : { ...options, fields };
}

const DURATIONS: ReadonlySet<string> = new Set(['ldap.timeout', 'ldap.refresh', 'ldap.keep']);
