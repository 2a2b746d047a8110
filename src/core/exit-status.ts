/** Exit codes out of what a cluster says about an end, and out of the exit file in the job directory. */

/** How glibc's `strsignal` calls them, for Mesos puts its words into messages; numbers as on Linux. */
const SIGNALS: Readonly<Record<string, number>> = {
  hangup: 1,
  interrupt: 2,
  quit: 3,
  'illegal instruction': 4,
  'trace/breakpoint trap': 5,
  aborted: 6,
  'bus error': 7,
  'floating point exception': 8,
  killed: 9,
  'user defined signal 1': 10,
  'segmentation fault': 11,
  'user defined signal 2': 12,
  'broken pipe': 13,
  'alarm clock': 14,
  terminated: 15,
  'stack fault': 16,
  'cpu time limit exceeded': 24,
  'file size limit exceeded': 25,
  'virtual timer expired': 26,
  'profiling timer expired': 27,
  'i/o possible': 29,
  'power failure': 30,
  'bad system call': 31,
};

/** Names as the kernel's headers have them, for executors that speak so. */
const SIGNAL_NAMES = [
  ...['HUP', 'INT', 'QUIT', 'ILL', 'TRAP', 'ABRT', 'BUS', 'FPE', 'KILL', 'USR1', 'SEGV', 'USR2'],
  ...['PIPE', 'ALRM', 'TERM', 'STKFLT', 'CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'URG'],
  ...['XCPU', 'XFSZ', 'VTALRM', 'PROF', 'WINCH', 'IO', 'PWR', 'SYS'],
] as const;

const EXITED = /^(?:Command|Container|Process|Executor|Task) exited with status (\d{1,3})\b/;
const SIGNALLED =
  /^(?:Command|Container|Process|Executor|Task) (?:was )?terminated with signal (.+)$/;

/**
 * The code in a message such as `Command exited with status 7` or `Command terminated with signal Killed`, which is
 * 128 + 9; undefined when the message says nothing of the kind. Only the beginning counts: a failed image pull quotes
 * the status of another program.
 */
export function exitCodeOf(message: string | null): number | undefined {
  if (message === null) return undefined;
  const exited = EXITED.exec(message)?.[1];
  if (exited !== undefined) return Number(exited) <= 255 ? Number(exited) : undefined;
  const signal = SIGNALLED.exec(message)?.[1];
  const number = signal === undefined ? undefined : signalNumber(signal);
  return number === undefined ? undefined : 128 + number;
}

/** The number of a signal given by number, by name (`SIGTERM`, `TERM`) or by the C library's words. */
export function signalNumber(text: string): number | undefined {
  const plain = text.replace(/ \(core dumped\)$/, '').trim();
  const numbered = /^(?:signal )?(\d{1,2})$/i.exec(plain)?.[1];
  if (numbered !== undefined) return inRange(Number(numbered));
  const realTime = /^Real-time signal (\d{1,2})$/i.exec(plain)?.[1];
  // glibc keeps 32 and 33 for itself.
  if (realTime !== undefined) return inRange(34 + Number(realTime));
  const words = SIGNALS[plain.toLowerCase()];
  if (words !== undefined) return words;
  const name = plain.toUpperCase().replace(/^SIG/, '');
  const index = (SIGNAL_NAMES as readonly string[]).indexOf(name);
  return index === -1 ? undefined : index + 1;
}

/** The code in an exit file, which holds a decimal number and at most a line end; undefined for anything else. */
export function exitCodeInFile(text: string): number | undefined {
  const digits = /^(\d{1,3})\r?\n?$/.exec(text)?.[1];
  return digits === undefined || Number(digits) > 255 ? undefined : Number(digits);
}

const inRange = (signal: number): number | undefined =>
  signal >= 1 && signal <= 64 ? signal : undefined;
