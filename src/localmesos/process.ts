/** Runs tasks as plain processes of this machine. No isolation: for development and trials. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import type { Log } from '../contracts/log.js';
import type { CommandInfo } from '../mesos/messages.js';
import { type Account, accountOf, NoAccount } from './accounts.js';
import type { Containerizer, ContainerListener, End, Launch } from './containerizer.js';
import { afterLong } from './long-timer.js';
import { bootId, processFacts, sessionMembers } from './proc.js';
import { runFile } from './run-file.js';
import { OWN_FILES, Supervisor, type SupervisorLine } from './supervisor.js';

/** Exit files of tasks that another life of the node started are looked for this often. */
const LOOK_EACH_MS = 100;
/** How long a dead process without an exit file may wait for its supervisor to write one. */
const EXIT_FILE_WAIT_MS = 3_000;
/** Folders removed side by side. */
const REMOVALS_AT_ONCE_MAX = 4;
const SIGNAL_BASE = 128;
const SIGNAL_MAX = 64;
const LOST: End = { kind: 'lost', message: 'Executor terminated' };

interface Running {
  readonly launch: Launch;
  pid: number | null;
  startTime: string | null;
  /** Nobody tells us of its end by the pipe: its files must be looked at. */
  isAdopted: boolean;
  /** Monotonic instant since when it seems dead without an exit file. */
  deadSinceMs: number | null;
  /** Grace of a kill that came before the process. */
  killGraceMs: number | null;
  killAtMs: number;
  killTimer: Timer | null;
}

/** What the files of a task tell. */
interface Life {
  readonly process: { readonly pid: number; readonly startTime: string } | null;
  readonly exitCode: number | null;
}

export interface ProcessOptions {
  /** Where the folders of tasks are; absolute. */
  readonly folder: string;
  /** Account of tasks that name none, when the node is root; null for the node's own. */
  readonly jobUser: string | null;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

export class ProcessContainerizer implements Containerizer {
  readonly name = 'process';
  readonly noun = 'Command';
  readonly #options: ProcessOptions;
  readonly #running = new Map<string, Running>();
  readonly #removals: string[] = [];
  #removing = 0;
  #listener: ContainerListener = () => {};
  #supervisor: Supervisor | null = null;
  #look: Timer | null = null;
  #isStopped = false;

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  async start(listener: ContainerListener): Promise<void> {
    this.#listener = listener;
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o711 });
    this.#supervise();
    this.#lookLater();
  }

  launch(launch: Launch): void {
    const { containerId, info } = launch;
    try {
      const account = accountOf(info, this.#options.jobUser);
      this.#prepare(launch, account);
      this.#running.set(containerId, newRunning(launch));
      this.#listener({ kind: 'starting', containerId });
      this.#supervisor?.launch(containerId, account);
    } catch (error) {
      this.#running.delete(containerId);
      const { message, cause } = error instanceof Error ? error : new Error(String(error));
      this.#options.log.warn('task not launched', { taskId: info.task_id.value, message, cause });
      const end: End =
        error instanceof NoAccount
          ? {
              kind: 'no-account',
              message: `Failed to create executor directory '${this.#path(containerId)}': Failed to chown directory to '${info.command?.user}': ${message}`,
            }
          : { kind: 'launch-failed', message };
      this.#listener({ kind: 'ended', containerId, end });
    }
  }

  kill(containerId: string, graceMs: number): void {
    const running = this.#running.get(containerId);
    if (running === undefined) return;
    if (running.pid === null) {
      running.killGraceMs = Math.min(graceMs, running.killGraceMs ?? graceMs);
      return;
    }
    const killAtMs = this.#options.clock.monotonicMs() + graceMs;
    if (running.killTimer === null) this.#signal(running, 'SIGTERM');
    else if (killAtMs >= running.killAtMs) return;
    running.killTimer?.cancel();
    running.killAtMs = killAtMs;
    running.killTimer = afterLong(this.#options.timers, graceMs, () =>
      this.#signal(running, 'SIGKILL'),
    );
  }

  async recover(launches: readonly Launch[]): Promise<void> {
    const boot = bootId();
    for (const launch of launches) {
      const running = { ...newRunning(launch), isAdopted: true };
      this.#running.set(launch.containerId, running);
      const { exitCode } = this.#life(launch.containerId);
      if (exitCode !== null) this.#end(running, endOf(exitCode));
      else if (launch.bootId !== boot || this.#giveUp(launch.containerId)) this.#end(running, LOST);
      else this.#lookAt(running);
    }
    this.#removeStrays(new Set(launches.map(({ containerId }) => containerId)));
    this.#lookLater();
  }

  forget(containerId: string): void {
    const files = [this.#path(containerId), this.#path(containerId, '.run')];
    this.#removals.push(...files, this.#path(containerId, '.life'));
    this.#removeSome();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#look?.cancel();
    for (const { killTimer } of this.#running.values()) killTimer?.cancel();
    this.#supervisor?.close();
  }

  #path(containerId: string, suffix: '' | '.run' | '.life' = ''): string {
    return join(this.#options.folder, `${containerId}${suffix}`);
  }

  #supervise(): void {
    this.#supervisor = new Supervisor(this.#options.folder, {
      line: (line) => this.#told(line),
      gone: (because) => {
        if (this.#isStopped) return;
        this.#options.log.error('supervising shell ended; starting another', { because });
        // Their ends will not be told by a pipe any more, and lines not read yet are lost.
        for (const running of this.#running.values()) {
          running.isAdopted = true;
          if (running.pid === null && this.#giveUp(running.launch.containerId)) {
            this.#end(running, LOST);
          }
        }
        this.#supervise();
        this.#lookLater();
      },
    });
  }

  #prepare({ containerId, info, memMb }: Launch, account: Account | null): void {
    const { command } = info;
    if (command === undefined) throw new Error('the task has no command');
    if (info.container?.docker !== undefined) {
      throw new Error('this node runs plain processes; it has no Docker images');
    }
    const sandbox = this.#path(containerId);
    const facts = { MESOS_SANDBOX: sandbox, MESOS_TASK_ID: info.task_id.value };
    const text = runFile(command, { memMb, facts });
    mkdirSync(sandbox, { mode: 0o700 });
    const run = this.#path(containerId, '.run');
    writeFileSync(run, text, { mode: 0o400, flag: 'wx' });
    fetchFiles(command, sandbox, containerId, account);
    if (account === null) return;
    chownSync(run, account.uid, account.gid);
    chownSync(sandbox, account.uid, account.gid);
  }

  #told(line: SupervisorLine): void {
    const running = this.#running.get(line.id);
    if (running === undefined) return;
    if (line.kind === 'started') {
      this.#started(running, line.pid);
      return;
    }
    const failed: End = {
      kind: 'launch-failed',
      message: `the supervisor could not start it: status ${line.code}`,
    };
    this.#end(running, running.pid === null ? failed : endOf(line.code));
  }

  #started(running: Running, pid: number): void {
    const { containerId } = running.launch;
    running.pid = pid;
    this.#listener({ kind: 'started', containerId, pid, ip: null, data: null });
    if (running.killGraceMs !== null) this.kill(containerId, running.killGraceMs);
  }

  #end(running: Running, end: End): void {
    const { containerId } = running.launch;
    if (!this.#running.delete(containerId)) return;
    running.killTimer?.cancel();
    this.#listener({ kind: 'ended', containerId, end });
  }

  /** To the process group, and for SIGKILL to the whole session; never to a stranger that got the same number. */
  #signal(running: Running, signal: 'SIGTERM' | 'SIGKILL'): void {
    const { pid } = running;
    if (pid === null || !this.#isAlive(running)) return;
    const targets = signal === 'SIGKILL' ? [-pid, pid, ...sessionMembers(pid)] : [-pid];
    let reached = 0;
    for (const target of targets) reached += trySignal(target, signal) ? 1 : 0;
    // Its own group exists only a moment after the process.
    if (reached === 0) trySignal(pid, signal);
  }

  #isAlive(running: Running): boolean {
    if (running.pid === null) return false;
    running.startTime ??= this.#life(running.launch.containerId).process?.startTime ?? null;
    const facts = processFacts(running.pid);
    return facts !== undefined && facts.startTime === running.startTime;
  }

  #life(containerId: string): Life {
    const [first, second] = wholeLines(this.#path(containerId, '.life'));
    const [pid = '', startTime = ''] = first?.split(' ') ?? [];
    return {
      process: first === undefined ? null : { pid: Number(pid), startTime },
      exitCode: second === undefined ? null : Number(second),
    };
  }

  /** True when the task has not begun and now never will. */
  #giveUp(containerId: string): boolean {
    try {
      writeFileSync(this.#path(containerId, '.life'), '', { flag: 'wx' });
      return true;
    } catch (error) {
      if (isCode(error, 'EEXIST')) return false;
      throw error;
    }
  }

  #lookLater(): void {
    if (this.#look !== null || this.#isStopped) return;
    this.#look = this.#options.timers.after(LOOK_EACH_MS, () => {
      this.#look = null;
      for (const running of [...this.#running.values()]) this.#lookAt(running);
      this.#lookLater();
    });
  }

  /** Adopted tasks are known by their files only; of the others this notices when their supervisor was killed. */
  #lookAt(running: Running): void {
    if (running.isAdopted) {
      const life = this.#life(running.launch.containerId);
      if (running.pid === null && life.process !== null) {
        running.startTime = life.process.startTime;
        this.#started(running, life.process.pid);
      }
      if (life.exitCode !== null) {
        this.#end(running, endOf(life.exitCode));
        return;
      }
    }
    if (running.pid === null ? !running.isAdopted : this.#isAlive(running)) {
      running.deadSinceMs = null;
      return;
    }
    const nowMs = this.#options.clock.monotonicMs();
    running.deadSinceMs ??= nowMs;
    if (nowMs - running.deadSinceMs < EXIT_FILE_WAIT_MS) return;
    const { exitCode } = this.#life(running.launch.containerId);
    this.#end(running, exitCode === null ? LOST : endOf(exitCode));
  }

  /** What no task claims: acknowledged shortly before a crash. */
  #removeStrays(claimed: ReadonlySet<string>): void {
    const names = readdirSync(this.#options.folder).filter((name) => !OWN_FILES.includes(name));
    for (const id of new Set(names.map((name) => name.replace(/\.(run|life)$/, '')))) {
      if (claimed.has(id)) continue;
      const { process } = this.#life(id);
      const isAlive =
        process !== null && processFacts(process.pid)?.startTime === process.startTime;
      if (isAlive) this.#options.log.warn('a process of a forgotten task is alive', { id });
      else this.forget(id);
    }
  }

  #removeSome(): void {
    while (this.#removing < REMOVALS_AT_ONCE_MAX) {
      const path = this.#removals.shift();
      if (path === undefined) return;
      this.#removing++;
      rm(path, { recursive: true, force: true })
        .catch((error) =>
          this.#options.log.warn('sandbox not removed', { path, cause: String(error) }),
        )
        .finally(() => {
          this.#removing--;
          this.#removeSome();
        });
    }
  }
}

const newRunning = (launch: Launch): Running => ({
  launch,
  pid: null,
  startTime: null,
  isAdopted: false,
  deadSinceMs: null,
  killGraceMs: null,
  killAtMs: 0,
  killTimer: null,
});

/** A shell tells death by signal as 128 + number, and so do we to everybody. */
function endOf(code: number): End {
  return code > SIGNAL_BASE && code <= SIGNAL_BASE + SIGNAL_MAX
    ? { kind: 'signaled', signal: code - SIGNAL_BASE }
    : { kind: 'exited', code };
}

/** Files named by the command are copied into the sandbox; only those of this machine. */
function fetchFiles(
  command: CommandInfo,
  sandbox: string,
  containerId: string,
  account: Account | null,
): void {
  for (const { value, executable, output_file } of command.uris ?? []) {
    const source = value.replace(/^file:\/\//, '');
    const target = join(sandbox, basename(output_file ?? source));
    try {
      if (!source.startsWith('/')) throw new Error('only files of this machine can be fetched');
      copyFileSync(source, target);
      chmodSync(target, executable === true ? 0o755 : 0o644);
      if (account !== null) chownSync(target, account.uid, account.gid);
    } catch (cause) {
      // A real agent's fetcher is a program of its own, and this is how it is told.
      const message = `Failed to fetch all URIs for container '${containerId}': exited with status 1`;
      throw new Error(message, { cause });
    }
  }
}

/** The lines of a file that is written line by line, without one that is not there entirely. */
function wholeLines(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n').slice(0, -1);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

/** False when there is nobody to signal, or nobody that we may. */
function trySignal(target: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    if (isCode(error, 'ESRCH') || isCode(error, 'EPERM')) return false;
    throw error;
  }
}
