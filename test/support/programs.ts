// Programs that tests start: short ones are run to their end, long ones live in a session of their own and are ended by it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { within } from './waiting.js';

export interface RunResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** Killed after this. */
  readonly limitMs?: number;
}

/** Runs a program to its end without blocking this process. Never throws for a code other than 0. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.limitMs ?? 60_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A program may end without reading what it is given (EPIPE); how it ended says the rest.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

/** Whether a program can be found in PATH. */
export const hasProgram = (name: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;

/** A program that stays, in its own session, with its output in a file. */
export interface Background {
  readonly pid: number;
  readonly logFile: string;
  /** False once it has ended. */
  isRunning(): boolean;
  /** The end of what it wrote, for messages. */
  lastWords(): string;
  /** Ends it as `kill` would and waits; with SIGKILL for the whole session after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
  /** Kills every process of the session at once, as a power cut would. What left the session stays. */
  kill9(): Promise<void>;
}

export function startBackground(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly logFile: string },
): Background {
  const log = openSync(options.logFile, 'a');
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let fault = '';
  child.on('error', (error) => {
    fault = String(error);
  });
  const pid = child.pid ?? 0;
  const isRunning = (): boolean =>
    pid !== 0 && child.exitCode === null && child.signalCode === null;
  return {
    pid,
    logFile: options.logFile,
    isRunning,
    lastWords: () => fault + readFileSync(options.logFile, 'utf8').slice(-2_000),
    stop: async (graceMs = 15_000) => {
      if (isRunning()) {
        process.kill(pid, 'SIGTERM');
        await within(ended(child), graceMs);
      }
      killSession(pid);
      await ended(child);
    },
    kill9: async () => {
      killSession(pid);
      await ended(child);
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  await once(child, 'exit');
}

/** Processes of a session; those that made sessions of their own (jobs and their supervisors) are not among them. */
export function sessionOf(pid: number): readonly number[] {
  if (pid === 0) return [];
  const listed = spawnSync('ps', ['-o', 'pid=', '--sid', String(pid)], { encoding: 'utf8' });
  return listed.stdout.split(/\s+/).filter(Boolean).map(Number);
}

function killSession(pid: number): void {
  for (const member of sessionOf(pid)) {
    try {
      process.kill(member, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
