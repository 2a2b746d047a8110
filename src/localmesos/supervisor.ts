/**
 * The shells that stand between the node and its process tasks. Each is detached from the node and reads a line for a
 * task, starts it, waits for it and leaves its exit code in a file; then it reads the next line. They outlive the node
 * until their task has ended.
 *
 * What there is of a task, named after its container id (see task-files.ts):
 * `ID/`      its sandbox, where it runs; not for a task that brings a directory of its own
 * `ID.run`   what the task's account executes
 * `ID.life`  first line: process id and start time, written by the task's own process before it becomes the task;
 *            second line: the exit code. Each line is one write to the end, so a reader sees all of it or nothing.
 *            The first line decides: a node that came back and finds none writes `-`, and so the task never runs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Timers } from '../contracts/clock.js';

/** Programs are found here, never by the node's own PATH: nothing of its environment reaches a task. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Fields of a line: id, `s` if it has a sandbox (or `-`), uid, gid, supplementary groups (or `-` for none); uid `-`
 * keeps the node's account. The task's process is a foreground child, so it ignores no signal, and never holds the pipes.
 * SIGPIPE is ignored until it was told, because the node may be dead by then.
 * Paths are relative: the task's account need not be able to walk down to them from the root.
 * What a task leaves behind in its process group is killed when its first process has ended.
 */
const SCRIPT = `
trap '' PIPE
exec 3>&1
while read -r id sandbox uid gid groups; do
  (
    read -r stat </proc/self/stat
    pid=\${stat%% *}
    set -- \${stat##*) }
    echo "$pid \${20}" >>"$id.life" || exit 125
    { read -r first rest; [ -n "$first" ] || read -r first rest; } <"$id.life"
    [ "$first" = "$pid" ] || exit 125
    echo "S $id $pid" >&3
    exec 3>&-
    trap - PIPE
    run=./$id.run
    case $sandbox in
    -) ;;
    *) cd "./$id" || exit 125; run=.$run ;;
    esac
    case $uid in
    -) exec setsid /bin/sh "$run" ;;
    esac
    case $groups in
    -) groups=--clear-groups ;;
    *) groups=--groups=$groups ;;
    esac
    exec setsid setpriv --reuid="$uid" --regid="$gid" "$groups" --no-new-privs /bin/sh "$run"
  ) </dev/null >/dev/null
  code=$?
  { read -r pid rest; [ -n "$pid" ] || read -r pid rest; } <"$id.life"
  case $pid in
  - | '') ;;
  *)
    kill -KILL -- "-$pid" 2>/dev/null
    echo "$code" >>"$id.life"
    ;;
  esac
  echo "E $id $code" >&3
done
`;

const SCRIPT_FILE = 'supervisor.sh';
/** Where the shells complain. */
const LOG_FILE = 'supervisor.log';
/** Names in the folder that are no task's. */
export const OWN_FILES: readonly string[] = [SCRIPT_FILE, LOG_FILE];
/** Shells that wait for work, kept at start and after a burst: starting one takes about as long as a small task. */
const IDLE_AT_START = 4;
const IDLE_MAX = 128;

export type SupervisorLine =
  | { readonly kind: 'started'; readonly id: string; readonly pid: number }
  | { readonly kind: 'ended'; readonly id: string; readonly code: number };

export interface SupervisorListener {
  line(line: SupervisorLine): void;
  /** The shell of this task is gone, its last lines perhaps with it; a running task is not. */
  gone(id: string, because: string): void;
}

export interface TaskLine {
  readonly id: string;
  /** False when it brings a directory of its own. */
  readonly hasSandbox: boolean;
  readonly account: {
    readonly uid: number;
    readonly gid: number;
    readonly groups: readonly number[];
  } | null;
}

/** All shells. Closing them leaves those alone that have a task. */
export class Supervisor {
  readonly #folder: string;
  readonly #listener: SupervisorListener;
  readonly #timers: Timers;
  readonly #shells = new Set<Shell>();
  readonly #idle: Shell[] = [];
  readonly #waiting: TaskLine[] = [];
  #isStarting = false;
  #isClosed = false;

  constructor(folder: string, listener: SupervisorListener, timers: Timers) {
    this.#folder = folder;
    this.#listener = listener;
    this.#timers = timers;
    // A file, so that a list of processes shows a name and not the whole script. By rename: an older shell may still
    // be reading the old one.
    writeFileSync(join(folder, `${SCRIPT_FILE}.new`), SCRIPT, { mode: 0o600 });
    renameSync(join(folder, `${SCRIPT_FILE}.new`), join(folder, SCRIPT_FILE));
    for (let n = 0; n < IDLE_AT_START; n++) this.#idle.push(this.#start());
  }

  launch(task: TaskLine): void {
    this.#waiting.push(task);
    this.#pump();
  }

  /** Lines already written are still read; then each shell ends by itself. */
  close(): void {
    this.#isClosed = true;
    for (const shell of this.#shells) shell.close();
  }

  /** One new shell a turn: starting many takes long, and others wait meanwhile. */
  #pump(): void {
    for (let shell = this.#idle.pop(); shell !== undefined; shell = this.#idle.pop()) {
      const task = this.#waiting.shift();
      if (task === undefined) {
        this.#idle.push(shell);
        return;
      }
      shell.take(task);
    }
    if (this.#waiting.length === 0 || this.#isStarting) return;
    this.#isStarting = true;
    this.#timers.soon(() => {
      this.#isStarting = false;
      if (this.#isClosed) return;
      if (this.#waiting.length > 0) this.#idle.push(this.#start());
      this.#pump();
    });
  }

  #start(): Shell {
    const shell: Shell = new Shell(this.#folder, {
      line: (line) => {
        this.#listener.line(line);
        if (line.kind !== 'ended' || this.#isClosed) return;
        if (this.#idle.length < IDLE_MAX) this.#idle.push(shell);
        else shell.close();
        this.#pump();
      },
      gone: (id, because) => {
        this.#shells.delete(shell);
        const at = this.#idle.indexOf(shell);
        if (at !== -1) this.#idle.splice(at, 1);
        if (id !== null && !this.#isClosed) this.#listener.gone(id, because);
      },
    });
    this.#shells.add(shell);
    return shell;
  }
}

interface ShellListener {
  line(line: SupervisorLine): void;
  gone(id: string | null, because: string): void;
}

/** One shell, with at most one task at a time. */
class Shell {
  readonly #child: ChildProcess;
  #task: string | null = null;
  #isGone = false;

  constructor(folder: string, listener: ShellListener) {
    const errors = openSync(join(folder, LOG_FILE), 'a', 0o600);
    this.#child = spawn('/bin/sh', [`./${SCRIPT_FILE}`], {
      cwd: folder,
      detached: true,
      env: { PATH: SYSTEM_PATH },
      stdio: ['pipe', 'pipe', errors],
    });
    closeSync(errors);
    const gone = (because: string) => {
      if (this.#isGone) return;
      this.#isGone = true;
      listener.gone(this.#task, because);
    };
    this.#child.on('error', (error) => gone(error.message));
    this.#child.on('exit', (code, signal) => gone(`exit ${code ?? signal}`));
    // A write to a shell that just died: its exit tells the same.
    this.#child.stdin?.on('error', () => {});
    this.#child.stdout?.on('error', () => {});
    this.#read(listener);
    this.#child.unref();
    unref(this.#child.stdin);
    unref(this.#child.stdout);
  }

  take({ id, hasSandbox, account }: TaskLine): void {
    this.#task = id;
    const groups = account === null || account.groups.length === 0 ? '-' : account.groups.join(',');
    const who = account === null ? '- -' : `${account.uid} ${account.gid}`;
    this.#child.stdin?.write(`${id} ${hasSandbox ? 's' : '-'} ${who} ${groups}\n`);
  }

  close(): void {
    this.#child.stdin?.end();
    this.#child.stdout?.destroy();
  }

  #read(listener: ShellListener): void {
    const decoder = new StringDecoder('latin1');
    let rest = '';
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) {
        const [kind, id = '', number = ''] = text.split(' ');
        if (kind === 'S') listener.line({ kind: 'started', id, pid: Number(number) });
        else if (kind === 'E') {
          this.#task = null;
          listener.line({ kind: 'ended', id, code: Number(number) });
        }
      }
    });
  }
}

/** Pipes of a child are sockets here, which can be told not to keep the process alive. */
function unref(stream: unknown): void {
  if (typeof stream === 'object' && stream !== null && 'unref' in stream) {
    if (typeof stream.unref === 'function') stream.unref();
  }
}
