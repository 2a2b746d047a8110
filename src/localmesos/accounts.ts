/** Who a process task runs as: numbers in its labels, a name in its command, or the node's default. */
import { spawnSync } from 'node:child_process';
import type { TaskInfo } from '../mesos/messages.js';

export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Labels with numeric ids, for accounts that this machine's directory need not know. */
export const UID_LABEL = 'godocker.uid';
export const GID_LABEL = 'godocker.gid';
export const SUPPLEMENTARY_GIDS_LABEL = 'godocker.sgids';

/** A name that the machine's directory does not know. */
export class NoAccount extends Error {
  override readonly name = 'NoAccount';
}

const known = new Map<string, Account>();

/**
 * The account for a task; null for the node's own.
 * @throws NoAccount
 */
export function accountOf(info: TaskInfo, fallback: string | null): Account | null {
  // Only root may become somebody else; a node of a user runs everything as that user.
  if (process.getuid?.() !== 0) return null;
  const numbered = accountInLabels(info);
  if (numbered !== undefined) return numbered;
  const name = info.command?.user ?? fallback;
  return name === null ? null : accountByName(name);
}

/** The account that labels tell by its numbers, or undefined. */
export function accountInLabels(info: TaskInfo): Account | undefined {
  const labels = new Map(info.labels?.labels?.map(({ key, value }) => [key, value ?? '']));
  const uid = wholeNumber(labels.get(UID_LABEL));
  const gid = wholeNumber(labels.get(GID_LABEL));
  if (uid === undefined || gid === undefined) return undefined;
  const groups = (labels.get(SUPPLEMENTARY_GIDS_LABEL) ?? '')
    .split(',')
    .flatMap((text) => wholeNumber(text) ?? []);
  return { uid, gid, groups };
}

/** A login name, or `uid:gid`. */
export function accountByName(name: string): Account {
  const numbers = /^(\d+):(\d+)$/.exec(name);
  if (numbers !== null) return { uid: Number(numbers[1]), gid: Number(numbers[2]), groups: [] };
  const cached = known.get(name);
  if (cached !== undefined) return cached;
  const ask = (flag: string) => spawnSync('id', [flag, '--', name], { encoding: 'utf8' });
  const uid = ask('-u');
  if (uid.status !== 0) throw new NoAccount(`No such user '${name}'`);
  const account: Account = {
    uid: Number(uid.stdout),
    gid: Number(ask('-g').stdout),
    groups: ask('-G').stdout.trim().split(/\s+/).map(Number),
  };
  known.set(name, account);
  return account;
}

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
