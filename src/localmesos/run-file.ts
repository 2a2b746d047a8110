/** The shell file that a process task's account executes: limits, environment, output, and then the task itself. */
import type { CommandInfo } from '../mesos/messages.js';
import { SYSTEM_PATH } from './supervisor.js';

const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Below this even small programs do not load. */
const DATA_MB_MIN = 64;

export interface RunOptions {
  readonly memMb: number;
  /** What the node itself puts into the environment, before what the task says. */
  readonly facts: Readonly<Record<string, string>>;
  /** Without a sandbox there is no place for the task's output. */
  readonly hasSandbox: boolean;
}

/** @throws Error when something in it cannot be said to a process */
export function runFile(command: CommandInfo, { memMb, facts, hasSandbox }: RunOptions): string {
  const variables: Record<string, string> = { PATH: SYSTEM_PATH, ...facts };
  for (const { name, value } of command.environment?.variables ?? []) variables[name] = value ?? '';
  const output = hasSandbox ? 'exec >stdout 2>stderr </dev/null' : 'exec 2>/dev/null';
  const lines = [output, 'ulimit -c 0'];
  if (memMb > 0) lines.push(`ulimit -d ${Math.max(memMb, DATA_MB_MIN) * 1024}`);
  lines.push('unset OLDPWD');
  const odd: string[] = [];
  for (const [name, value] of Object.entries(variables)) {
    if (SHELL_NAME.test(name)) lines.push(`export ${name}=${quoted(value)}`);
    // A shell cannot hold such a name, but a process can have it.
    else odd.push(quoted(`${name}=${value}`));
  }
  const program = programOf(command);
  const [shell, flag, text = ''] = program;
  // This shell does as well as another one, and starting another takes as long as many a task.
  if (shell === '/bin/sh' && flag === '-c' && program.length === 3 && odd.length === 0)
    lines.push(text);
  else {
    const words = odd.length === 0 ? [] : ['env', ...odd];
    lines.push(['exec', ...words, ...program.map(quoted)].join(' '));
  }
  return `${lines.join('\n')}\n`;
}

function programOf({ shell = true, value, arguments: argv }: CommandInfo): string[] {
  if (value === undefined) throw new Error('the command has no value');
  // Without a shell the first argument is only the name that the program is told, which is its own here.
  return shell ? ['/bin/sh', '-c', value] : [value, ...(argv ?? []).slice(1)];
}

/** One word for a shell, whatever is in it. */
function quoted(text: string): string {
  if (text.includes('\0')) throw new Error('a command or its environment holds a zero byte');
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
