/** The node's own folder: who it is, and a lock against a second node. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processFacts } from './proc.js';

export interface Home {
  readonly masterId: string;
  /** How often a node started here, from 0: ids made in one life never come again in another. */
  readonly life: number;
  unlock(): void;
}

/**
 * Locks the folder, making it when it is new.
 * @throws Error when another living node has it
 */
export function openHome(folder: string, uuid: () => string): Home {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const lock = join(folder, 'lock');
  refuseIfHeld(lock, folder);
  const me = processFacts(process.pid);
  writeFileSync(lock, `${process.pid} ${me?.startTime}\n`, { mode: 0o600 });
  const path = join(folder, 'node.json');
  const known = existsSync(path) ? read(path) : { masterId: uuid(), life: -1 };
  const now = { masterId: known.masterId, life: known.life + 1 };
  writeFileSync(`${path}.new`, JSON.stringify(now), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return { ...now, unlock: () => rmSync(lock, { force: true }) };
}

function refuseIfHeld(lock: string, folder: string): void {
  if (!existsSync(lock)) return;
  const [pid = '', startTime] = readFileSync(lock, 'utf8').trim().split(' ');
  const isAlive = processFacts(Number(pid))?.startTime === startTime && startTime !== undefined;
  if (isAlive && Number(pid) !== process.pid) {
    throw new Error(`another local node (process ${pid}) uses ${folder}`);
  }
}

function read(path: string): { masterId: string; life: number } {
  const { masterId, life } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  if (typeof masterId !== 'string' || typeof life !== 'number') {
    throw new Error(`${path} is not what a local node wrote`);
  }
  return { masterId, life };
}
