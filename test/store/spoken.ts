// Programs that say, line by line, what was acknowledged to them; they may be killed at any moment.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

/** Works on a store: see there. */
export const STORE_PROCESS = fileURLToPath(new URL('./store-process.js', import.meta.url));

/** A started process and what it has said so far. */
export interface Spoken {
  readonly child: ChildProcess;
  readonly lines: string[][];
  /** Resolves when all that was said has been read. */
  readonly ended: Promise<unknown>;
}

export function spoken(t: Test, command: string, args: readonly string[]): Spoken {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines: string[][] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line.split(' ')));
  return { child, lines, ended: Promise.all([once(reader, 'close'), once(child, 'exit')]) };
}

export const storeProcess = (t: Test, ...args: readonly string[]): Spoken =>
  spoken(t, process.execPath, [STORE_PROCESS, ...args]);

/** Waits for what was said to satisfy `claim`. */
export async function until(t: Test, claim: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!claim()) {
    if (performance.now() > deadline) t.bailout(`waited 60 s for: ${what}`);
    await pause(5);
  }
}

export const saidOf = (lines: readonly string[][], word: string): readonly string[][] =>
  lines.filter(([first]) => first === word).map(([, ...rest]) => rest);
