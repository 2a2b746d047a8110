/**
 * The small shell that stands between the node and its process tasks. One copy, detached from the node, reads a line
 * for each task and forks a supervisor for it; supervisors outlive the node and leave the exit code in a file.
 *
 * What there is of a task, named after its container id (few files: making one costs more than starting a process):
 * `ID/`      its sandbox, where it runs
 * `ID.run`   what the task's account executes
 * `ID.life`  first line: process id and start time, written by the task's own process before it becomes the task;
 *            second line: the exit code. Each line is one write, so a reader sees all of it or nothing. The file is
 *            made exclusively: a node that came back and finds none makes it, empty, and so the task never runs.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

/** Programs are found here, never by the node's own PATH: nothing of its environment reaches a task. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Fields of a line: id, uid, gid, supplementary groups (or `-` for none); uid `-` keeps the node's account.
 * The task's process is a foreground child and never holds the pipes. SIGPIPE is ignored, because the node may be dead
 * by the time it is told something; `$reset` undoes that for the task, and that shells let background jobs ignore SIGINT
 * and SIGQUIT. What a task leaves behind in its process group is killed when its first process has ended.
 */
const SCRIPT = `
supervise() {
  (
    id=$1 uid=$2 gid=$3 groups=$4
    read -r stat </proc/self/stat
    pid=\${stat%% *}
    set -- \${stat##*) }
    set -C
    echo "$pid \${20}" >"$id.life" || exit 125
    echo "S $id $pid" >&3
    exec 3>&-
    cd "./$id" || exit 125
    case $uid in
    -) exec setsid $reset /bin/sh "../$id.run" ;;
    esac
    case $groups in
    -) groups=--clear-groups ;;
    *) groups=--groups=$groups ;;
    esac
    exec setsid $reset setpriv --reuid="$uid" --regid="$gid" "$groups" --no-new-privs /bin/sh "../$id.run"
  )
  code=$?
  if read -r pid start <"$1.life"; then
    kill -KILL -- "-$pid" 2>/dev/null
    echo "$code" >>"$1.life"
  fi
  echo "E $1 $code" >&3
}
reset=$1
trap '' PIPE
exec 3>&1
while read -r id uid gid groups; do
  supervise "$id" "$uid" "$gid" "$groups" </dev/null >/dev/null &
done
`;

const SCRIPT_FILE = 'supervisor.sh';
const LOG_FILE = 'supervisor.log';
/** Names in the folder that are no task's. */
export const OWN_FILES: readonly string[] = [SCRIPT_FILE, LOG_FILE];

export type SupervisorLine =
  | { readonly kind: 'started'; readonly id: string; readonly pid: number }
  | { readonly kind: 'ended'; readonly id: string; readonly code: number };

export interface SupervisorListener {
  line(line: SupervisorLine): void;
  /** The reading shell is gone; lines it had not read are lost, running tasks are not. */
  gone(because: string): void;
}

/** The reading shell. Closing it leaves the supervisors alone. */
export class Supervisor {
  readonly #child: ChildProcess;
  #isClosed = false;

  constructor(folder: string, listener: SupervisorListener) {
    const errors = openSync(join(folder, LOG_FILE), 'a', 0o600);
    // A file, so that a list of processes shows a name and not the whole script. By rename: an older shell may still
    // be reading the old one.
    writeFileSync(join(folder, `${SCRIPT_FILE}.new`), SCRIPT, { mode: 0o600 });
    renameSync(join(folder, `${SCRIPT_FILE}.new`), join(folder, SCRIPT_FILE));
    const reset = resetsSignals() ? 'env --default-signal' : '';
    this.#child = spawn('/bin/sh', [`./${SCRIPT_FILE}`, reset], {
      cwd: folder,
      detached: true,
      env: { PATH: SYSTEM_PATH },
      stdio: ['pipe', 'pipe', errors],
    });
    closeSync(errors);
    const gone = (because: string) => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      listener.gone(because);
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

  launch(
    id: string,
    account: { uid: number; gid: number; groups: readonly number[] } | null,
  ): void {
    const who =
      account === null
        ? '- - -'
        : `${account.uid} ${account.gid} ${account.groups.length === 0 ? '-' : account.groups.join(',')}`;
    this.#child.stdin?.write(`${id} ${who}\n`);
  }

  /** Lines already written are still read; then the shell ends by itself. */
  close(): void {
    this.#isClosed = true;
    this.#child.stdin?.end();
    this.#child.stdout?.destroy();
  }

  #read(listener: SupervisorListener): void {
    const decoder = new StringDecoder('latin1');
    let rest = '';
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) {
        const [kind, id = '', number = ''] = text.split(' ');
        if (kind === 'S') listener.line({ kind: 'started', id, pid: Number(number) });
        else if (kind === 'E') listener.line({ kind: 'ended', id, code: Number(number) });
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

let canReset: boolean | undefined;

/** Whether this system's `env` can undo ignored signals (coreutils 8.31). */
function resetsSignals(): boolean {
  canReset ??=
    spawnSync('env', ['--default-signal', 'true'], { env: { PATH: SYSTEM_PATH } }).status === 0;
  return canReset;
}
