/** Who runs the jobs of `up`, and where their directories can lie so that this user can enter them. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import type { Identity } from '../core/job.js';

/** `nobody`, on every Linux: owns nothing, may do nothing. */
const NOBODY = 65_534;

/**
 * The account of `up`'s jobs: the configured system account, else whoever started the service, else (that is root)
 * `nobody`.
 * @throws Error when the configured account does not exist, or another than ourselves is asked of a service that is not root.
 */
export function jobIdentity(configured: string | null): Identity {
  const self = userInfo();
  if (configured !== null && configured !== self.username) {
    if (self.uid !== 0)
      throw new Error(`only root can run jobs as ${configured}: this service is ${self.username}`);
    const found = systemAccount(configured);
    if (found !== undefined) return found;
    throw new Error(`up.job_user: no system account is named ${configured}`);
  }
  if (self.uid === 0 && configured === null)
    return { uid: NOBODY, gid: NOBODY, sgids: [], home: '', email: null };
  return { uid: self.uid, gid: self.gid, sgids: [], home: self.homedir, email: null };
}

/** Asks the name service, so that directory accounts are found too; undefined: there is none of that name. */
export function systemAccount(name: string): Identity | undefined {
  const asked = spawnSync('getent', ['passwd', '--', name], { encoding: 'utf8' });
  const [, , uid, gid, , home] = asked.status === 0 ? asked.stdout.trim().split(':') : [];
  if (uid === undefined || gid === undefined || home === undefined) return undefined;
  const groups = spawnSync('id', ['-G', name], { encoding: 'utf8' });
  const all = groups.status === 0 ? groups.stdout.trim().split(' ').map(Number) : [];
  const sgids = all.filter((group) => group !== Number(gid));
  return { uid: Number(uid), gid: Number(gid), sgids, home, email: null };
}

/** Whether that user may pass through the directory and all above it; group rights count for the primary group. */
function canEnter(directory: string, { uid, gid }: Identity): boolean {
  const { uid: owner, gid: group, mode } = statSync(directory);
  const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
  if ((mode & bit) === 0) return false;
  const parent = dirname(directory);
  return parent === directory || canEnter(parent, { uid, gid } as Identity);
}

export interface SharedDirectory {
  readonly path: string;
  /** Something an administrator should know, or null. */
  readonly notice: string | null;
}

/**
 * Makes the directory under which job directories lie. Unless one is configured it is inside the home, or, where the
 * job user cannot enter that (a closed parent such as the home of root), below /var/lib/godocker.
 */
export function sharedDirectory(
  home: string,
  configured: string | null,
  identity: Identity,
): SharedDirectory {
  const wanted = configured ?? join(home, 'shared');
  makeEnterable(wanted);
  if (process.getuid?.() !== 0 || canEnter(wanted, identity)) return { path: wanted, notice: null };
  if (configured !== null)
    return {
      path: wanted,
      notice: `uid ${identity.uid}, which runs the jobs, cannot enter ${wanted}`,
    };
  const digest = createHash('sha256').update(home).digest('hex').slice(0, 16);
  const path = join('/var/lib/godocker', digest);
  makeEnterable(path);
  return {
    path,
    notice: `job directories lie in ${path}: uid ${identity.uid}, which runs the jobs, cannot enter ${wanted}`,
  };
}

function makeEnterable(path: string): void {
  const isNew = mkdirSync(path, { recursive: true, mode: 0o711 }) !== undefined;
  // The umask may have taken the bit away.
  if (isNew) chmodSync(path, 0o711);
}
