// Users and projects of an original, as ours. Passwords (bcrypt) and API keys stay valid.
import { createHash } from 'node:crypto';
import type { RecordOf } from '../../contracts/backup.js';
import type { ProjectRecord, StoredKey, UserRecord } from '../../contracts/store.js';
import { PRIO_USUAL } from '../../core/policy.js';
import type { Quotas } from '../../core/quota.js';
import { type Instant, projectId, userId } from '../../core/units.js';
import { amountIn, type Found, numberIn, numbersIn, partOf, textIn, textsIn } from './fields.js';
import type { ImportReport } from './report.js';

/** Names end up in paths, environments and labels. */
const NAME = /^[a-z0-9_][a-z0-9_.@+-]{0,63}$/i;
const isName = (text: string): boolean => NAME.test(text) && !text.includes('..');
const BCRYPT = /^\$2[aby]?\$\d\d\$[./A-Za-z0-9]{53}$/;
/** One of `HISTORIC_KEYS` of src/api/accounts.ts. */
const KEY_NAME = 'original';
/** Everybody is in it: it is no record. */
const EVERYBODYS = 'default';

export interface AccountRules {
  /** Logins of administrators: the original has them in its configuration. */
  readonly admins: ReadonlySet<string>;
  readonly at: Instant;
}

export function userRecord(
  user: Found,
  { admins, at }: AccountRules,
  report: ImportReport,
): RecordOf<'user'> | undefined {
  const login = textIn(user, 'id') ?? '';
  if (!isName(login)) {
    report.leftOut(login === '' ? '?' : login, 'users whose id is no login');
    return undefined;
  }
  const [uid, gid] = [numberIn(user, 'uid'), numberIn(user, 'gid')];
  if (uid === null || gid === null || uid < 0 || gid < 0) {
    report.leftOut(login, 'users without uid or gid');
    return undefined;
  }
  const usage = partOf(user, 'usage');
  if (Object.keys(partOf(user, 'ftp')).length > 0)
    report.leftOut(login, 'sizes of FTP stores: they are measured anew');
  if (user.guest === true || textIn(usage, 'guest_home') !== null)
    report.changed(login, 'guests become ordinary users with the uid they were bound to');
  const credentials = partOf(user, 'credentials');
  const record: UserRecord = {
    id: userId(login),
    identity: {
      uid,
      gid,
      sgids: numbersIn(user, 'sgids'),
      home: textIn(user, 'homeDirectory') ?? '',
      email: textIn(user, 'email'),
    },
    isAdmin: admins.has(login),
    passwordHash: passwordOf(login, textIn(user, 'password'), report),
    keys: keysOf(login, textIn(credentials, 'apikey'), { at, report }),
    sshPublicKey: textIn(credentials, 'public') ?? '',
    prio: prioOf(numberIn(usage, 'prio')),
    quotas: quotasOf(usage),
    createdAt: at,
  };
  return { kind: 'user', id: login, document: JSON.stringify(record) };
}

function passwordOf(login: string, hash: string | null, report: ImportReport): string | null {
  if (hash === null || hash === '') return null;
  if (BCRYPT.test(hash)) return hash;
  report.leftOut(login, 'passwords that are no bcrypt hash: these users sign in with their key');
  return null;
}

function keysOf(
  login: string,
  key: string | null,
  { at, report }: { readonly at: Instant; readonly report: ImportReport },
): readonly StoredKey[] {
  if (key === null || key === '') {
    report.changed(login, 'users without an API key');
    return [];
  }
  const sha256 = createHash('sha256').update(key).digest('hex');
  return [{ name: KEY_NAME, sha256, createdAt: at }];
}

export function projectRecord(
  project: Found,
  { at }: AccountRules,
  report: ImportReport,
): RecordOf<'project'> | undefined {
  const id = textIn(project, 'id') ?? '';
  if (id === EVERYBODYS) {
    report.leftOut(
      id,
      'the project "default": everybody is in it, and it has no priority or quota',
    );
    return undefined;
  }
  if (!isName(id)) {
    report.leftOut(id === '' ? '?' : id, 'projects whose id is no name');
    return undefined;
  }
  const members = [...new Set(textsIn(project, 'members'))].map((login) => userId(login));
  if (members.length === 0) {
    report.leftOut(id, 'projects without members: nobody could submit to them');
    return undefined;
  }
  if (Array.isArray(project.volumes) && project.volumes.length > 0)
    report.leftOut(id, 'volumes of projects: offer them in the configuration');
  const record: ProjectRecord = {
    id: projectId(id),
    description: textIn(project, 'description') ?? '',
    prio: prioOf(numberIn(project, 'prio')),
    members,
    quotas: quotasOf(project),
    createdAt: at,
  };
  return { kind: 'project', id, document: JSON.stringify(record) };
}

const prioOf = (prio: number | null): number =>
  prio === null ? PRIO_USUAL : Math.min(100, Math.max(0, Math.round(prio)));

const quotasOf = (found: Found): Quotas => ({
  time: amountIn(found, 'quota_time'),
  cpu: amountIn(found, 'quota_cpu'),
  ram: amountIn(found, 'quota_ram'),
});
