/** Runs tasks as plain processes of this machine. No isolation: for development and trials. */
import { chownSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import type { Log } from '../contracts/log.js';
import { type Account, accountOf, NoAccount } from './accounts.js';
import type { Containerizer, ContainerListener, End, Launch } from './containerizer.js';
import { imageOf } from './image.js';
import { afterLong } from './long-timer.js';
import { ageMs, bootId, processFacts, sessionMembers } from './proc.js';
import { runFile } from './run-file.js';
import { fetchFiles, ownDirectory } from './sandbox.js';
import {
  OWN_FILES,
  Supervisor,
  type SupervisorLine,
  type SupervisorListener,
} from './supervisor.js';
import { isCode, TaskFiles } from './task-files.js';

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
  readonly #files: TaskFiles;
  /** Tasks of this life that bring a directory of their own: there is nothing else to remove. */
  readonly #withoutSandbox = new Set<string>();
  readonly #removals: string[] = [];
  #removing = 0;
  #listener: ContainerListener = () => {};
  #supervisor: Supervisor | null = null;
  #look: Timer | null = null;
  #isStopped = false;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.#files = new TaskFiles(options.folder);
  }

  async start(listener: ContainerListener): Promise<void> {
    this.#listener = listener;
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o711 });
    this.#supervise();
  }

  launch(launch: Launch): void {
    const { containerId, info } = launch;
    try {
      const account = accountOf(info, this.#options.jobUser);
      const hasSandbox = this.#prepare(launch, account);
      this.#running.set(containerId, newRunning(launch));
      this.#listener({ kind: 'starting', containerId });
      this.#supervisor?.launch({ id: containerId, hasSandbox, account });
    } catch (error) {
      this.#running.delete(containerId);
      const { message, cause } = error instanceof Error ? error : new Error(String(error));
      this.#options.log.warn('task not launched', { taskId: info.task_id.value, message, cause });
      const end: End =
        error instanceof NoAccount
          ? {
              kind: 'no-account',
              message: `Failed to create executor directory '${this.#files.path(containerId)}': Failed to chown directory to '${info.command?.user}': ${message}`,
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
      const { exitCode } = this.#files.life(launch.containerId);
      if (exitCode !== null) this.#end(running, endOf(exitCode));
      else if (launch.bootId !== boot || this.#files.giveUp(launch.containerId))
        this.#end(running, LOST);
      else this.#lookAt(running);
    }
    this.#removeStrays(new Set(launches.map(({ containerId }) => containerId)));
    this.#lookLater();
  }

  forget(containerId: string): void {
    try {
      this.#files.free(containerId);
    } catch (error) {
      this.#options.log.warn('task files not removed', { containerId, cause: String(error) });
    }
    if (this.#withoutSandbox.delete(containerId)) return;
    this.#removals.push(this.#files.path(containerId));
    this.#removeSome();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#look?.cancel();
    for (const { killTimer } of this.#running.values()) killTimer?.cancel();
    this.#supervisor?.close();
  }

  #supervise(): void {
    const listener: SupervisorListener = {
      line: (line) => this.#told(line),
      gone: (id, because) => {
        const running = this.#running.get(id);
        if (this.#isStopped || running === undefined) return;
        this.#options.log.error('supervising shell ended', { taskId: taskIdOf(running), because });
        // Its end will not be told by a pipe any more, and a line not read yet is lost.
        running.isAdopted = true;
        if (running.pid === null && this.#files.giveUp(id)) this.#end(running, LOST);
        this.#lookLater();
      },
    };
    this.#supervisor = new Supervisor(this.#options.folder, listener, this.#options.timers);
  }

  /** Makes the files of a task; tells whether it has a sandbox. */
  #prepare({ containerId, info, memMb }: Launch, account: Account | null): boolean {
    const { command } = info;
    if (command === undefined) throw new Error('the task has no command');
    if (imageOf(info.container) !== undefined) {
      throw new Error('this node runs plain processes; it has no Docker images');
    }
    const own = ownDirectory(info);
    const sandbox = this.#files.path(containerId);
    const facts = { MESOS_SANDBOX: own ?? sandbox, MESOS_TASK_ID: info.task_id.value };
    const text = runFile(command, { memMb, facts, hasSandbox: own === undefined });
    this.#files.make(containerId, text, account);
    if (own !== undefined) {
      this.#withoutSandbox.add(containerId);
      return false;
    }
    mkdirSync(sandbox, { mode: 0o700 });
    fetchFiles(command, sandbox, containerId, account);
    if (account !== null) chownSync(sandbox, account.uid, account.gid);
    return true;
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

  #started(running: Running, pid: number, ranMs = 0): void {
    const { containerId } = running.launch;
    running.pid = pid;
    this.#listener({ kind: 'started', containerId, pid, ip: null, data: null, ranMs });
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
    running.startTime ??= this.#files.life(running.launch.containerId).process?.startTime ?? null;
    const facts = processFacts(running.pid);
    return facts !== undefined && facts.startTime === running.startTime;
  }

  #lookLater(): void {
    if (this.#look !== null || this.#isStopped) return;
    this.#look = this.#options.timers.after(LOOK_EACH_MS, () => {
      this.#look = null;
      const adopted = [...this.#running.values()].filter(({ isAdopted }) => isAdopted);
      for (const running of adopted) this.#lookAt(running);
      if (adopted.length > 0) this.#lookLater();
    });
  }

  /** Adopted tasks are known by their files only; the shells of the others tell of them. */
  #lookAt(running: Running): void {
    const life = this.#files.life(running.launch.containerId);
    if (running.pid === null && life.process !== null) {
      running.startTime = life.process.startTime;
      this.#started(running, life.process.pid, ageMs(life.process.startTime));
    }
    if (life.exitCode !== null) {
      this.#end(running, endOf(life.exitCode));
      return;
    }
    if (running.pid !== null && this.#isAlive(running)) {
      running.deadSinceMs = null;
      return;
    }
    const nowMs = this.#options.clock.monotonicMs();
    running.deadSinceMs ??= nowMs;
    if (nowMs - running.deadSinceMs < EXIT_FILE_WAIT_MS) return;
    const { exitCode } = this.#files.life(running.launch.containerId);
    this.#end(running, exitCode === null ? LOST : endOf(exitCode));
  }

  /** What no task claims: acknowledged shortly before a crash. */
  #removeStrays(claimed: ReadonlySet<string>): void {
    const names = readdirSync(this.#options.folder).filter((name) => !OWN_FILES.includes(name));
    for (const id of this.#files.sweep(names)) {
      if (claimed.has(id)) continue;
      const { process } = this.#files.life(id);
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

const taskIdOf = ({ launch }: Running): string => launch.info.task_id.value;

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
