/** What `god` exits with. A job's own code passes through, so these keep clear of what programs usually return. */
export const EXIT = {
  ok: 0,
  usage: 64,
  refused: 65,
  notFound: 66,
  unreachable: 69,
  internal: 70,
  localFile: 73,
  tryLater: 75,
  protocol: 76,
  notAllowed: 77,
  timeout: 124,
  noOutcome: 125,
  hangup: 129,
  interrupted: 130,
  killed: 137,
  brokenPipe: 141,
  terminated: 143,
} as const;

export type ExitName = keyof typeof EXIT;

const MEANING: Readonly<Record<ExitName, string>> = {
  ok: 'it worked; for run and wait: every job ended with 0',
  usage: 'wrong command line',
  refused: 'the server refused the request: a wrong field, an unknown image, a wrong state …',
  notFound: 'no such job or file',
  unreachable: 'the server cannot be reached, or its database is away',
  internal: 'a fault of the server or of god itself',
  localFile: 'a file on this machine cannot be read or written',
  tryLater: 'too many requests or jobs for now',
  protocol: 'the answer was not understood: is this the address of a GoDocker server?',
  notAllowed: 'no login, a wrong one, or not permitted',
  timeout: 'wait --timeout passed before the jobs were over',
  noOutcome: 'run, wait: the job has no exit code of its own (quota, rejected, outcome unknown)',
  hangup: 'run: the terminal went away; the job goes on',
  interrupted: 'interrupted by Ctrl-C',
  killed: 'run, wait: the job was killed',
  brokenPipe: 'whoever read the output stopped reading',
  terminated: 'stopped by SIGTERM',
};

/** The table that `god exit-codes` prints. */
export function exitCodeTable(): string {
  const rows = Object.entries(EXIT).map(
    ([name, code]) => `${String(code).padStart(5)}  ${MEANING[name as ExitName]}\n`,
  );
  return [
    'god run and god wait exit with the code of the job. Other codes:\n\n',
    ...rows,
    '\nA job may itself return one of these numbers: god tells on standard error what happened.\n',
  ].join('');
}

/** The same as a page; docs/exit-codes.md is this, and a test keeps it so. */
export function exitCodePage(): string {
  const rows = Object.entries(EXIT).map(
    ([name, code]) => `| ${code} | ${MEANING[name as ExitName]} |\n`,
  );
  return [
    '# What `god` exits with\n\n',
    '`god run` and `god wait` exit with the code of the job: its own, whatever it is. Other codes:\n\n',
    '| Code | Meaning |\n|---|---|\n',
    ...rows,
    '\nA job may itself return one of these numbers; `god` tells on standard error what happened.\n',
    'With several jobs `god wait` exits with the first code that is not 0, in the order given.\n',
  ].join('');
}
