/** Facts about processes, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Changes with every boot: no process is older than it. */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

export interface ProcessFacts {
  readonly state: string;
  readonly session: number;
  /** Clock ticks since boot: tells a reused process id. */
  readonly startTime: string;
}

/** Undefined when there is no such process. */
export function processFacts(pid: number): ProcessFacts | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The program's name may hold anything, also `) `: fields are counted from behind its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', session: Number(fields[3]), startTime: fields[19] ?? '' };
}

/** The kernel tells times in hundredths of a second to every program, whatever it counts in itself. */
const TICK_MS = 10;

/** How long a process has run, by its `startTime`. */
export function ageMs(startTime: string): number {
  const [upS = ''] = readFileSync('/proc/uptime', 'latin1').split(' ');
  const ranMs = Number(upS) * 1_000 - Number(startTime) * TICK_MS;
  return Number.isFinite(ranMs) ? Math.max(0, ranMs) : 0;
}

/** Processes of a session, also those that changed their process group. */
export function sessionMembers(session: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => processFacts(pid)?.session === session);
}
