/** The command line of `god`: words and options in, an exit code out. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { NAME_CHARS_MAX } from '../contracts/limits.js';
import { addAccountCommands } from './account-commands.js';
import { addChangeCommands } from './change-commands.js';
import { MEMBER_STATES, members, retryFailed } from './commands/arrays.js';
import { files, logs } from './commands/files.js';
import { get } from './commands/get.js';
import { hold, release } from './commands/holds.js';
import { kill, LISTED_STATES, list, show, wait } from './commands/jobs.js';
import { login, logout } from './commands/login.js';
import { drain, nodes, resume } from './commands/nodes.js';
import { queues } from './commands/queues.js';
import { run } from './commands/run.js';
import { share } from './commands/share.js';
import { submit } from './commands/submit.js';
import { why } from './commands/why.js';
import { type Context, tell } from './context.js';
import { readDepend } from './dependencies.js';
import { EXIT, exitCodeTable } from './exit-codes.js';
import { Failure } from './failure.js';
import { type RetryRuleAsked, readRetryMemory, readRetryOn } from './retries.js';
import { readPorts } from './submission.js';
import { processTerminal, type Terminal } from './terminal.js';

const OVER_LIMIT_DEFAULT = 100;
const MEMBERS_LIMIT_DEFAULT = 100;
const TIME_FORM = 'as 2026-11-21T18:00, or +2h for two hours from now';

/** Runs one command line (without `node` and the program's own name). Never throws for a failure it knows. */
export async function main(
  words: readonly string[] = process.argv.slice(2),
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const context: Context = { terminal, now: Date.now };
  let code: number = EXIT.ok;
  const done = (result: number) => {
    code = result;
  };
  try {
    await program(context, words, done).parseAsync([...words], { from: 'user' });
    return code;
  } catch (error) {
    // Commander has already printed its help or its complaint.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof Failure) {
      if (error.message !== '') tell(context, error.message);
      return error.exitCode;
    }
    tell(context, `internal error, please report it: ${(error as Error).stack ?? error}`);
    return EXIT.internal;
  }
}

function program(
  context: Context,
  words: readonly string[],
  done: (exitCode: number) => void,
): Command {
  const god = new Command('god')
    .description('Runs scripts on the cluster: submit, follow, fetch.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.terminal.out(text).catch(() => {}),
      writeErr: (text) =>
        void context.terminal.err(text.replace(/^error: /, 'god: ')).catch(() => {}),
    })
    .showHelpAfterError('("god help" lists the commands)')
    .addHelpText('after', '\nExample:\n  $ god run --cpu 2 --ram 4 -- echo hello');
  addJobCommands(god, context, words, done);
  addQueryCommands(god, context, done);
  addShareCommands(god, context, done);
  addAccountCommands(god, context, done);
  addChangeCommands(god, context, done);
  addFileCommands(god, context, done);
  addNodeCommands(god, context, done);
  addLoginCommands(god, context, done);
  god
    .command('exit-codes')
    .description('what god exits with')
    .action(async () => {
      await context.terminal.out(exitCodeTable());
      done(EXIT.ok);
    });
  return god;
}

type Done = (exitCode: number) => void;

function addJobCommands(
  god: Command,
  context: Context,
  words: readonly string[],
  done: Done,
): void {
  // Commander drops the "--" that tells a command from a script, so it is looked for here.
  const cut = words.indexOf('--');
  const command = cut < 0 ? null : words.slice(cut + 1);
  const asked = (positional: readonly string[]) => ({
    command,
    script: positional.slice(0, positional.length - (command?.length ?? 0)),
  });
  withNeeds(common(god.command('run')))
    .description('submit a job, show its output live, exit with its code')
    .usage('[options] (SCRIPT | -- COMMAND…)')
    .argument('[words...]', 'a script file, "-" for standard input, or a command after "--"')
    .option('-q, --quiet', 'only the output of the job')
    .action(async (positional, options) => done(await run(context, asked(positional), options)));
  withNeeds(common(god.command('submit')))
    .description('submit a job and print its id')
    .usage('[options] (SCRIPT | -- COMMAND…)')
    .argument('[words...]', 'a script file, "-" for standard input, or a command after "--"')
    .option('--dry-run', 'only tell what the job would get, and what is odd about it')
    .action(async (positional, options) => done(await submit(context, asked(positional), options)));
  common(god.command('kill'))
    .description('kill jobs')
    .argument('<id...>', 'jobs')
    .action(async (ids, options) => done(await kill(context, ids, options)));
  common(god.command('hold'))
    .description('keep jobs that wait from starting')
    .argument('<id...>', 'jobs, or arrays: their members that have not started')
    .action(async (ids, options) => done(await hold(context, ids, options)));
  common(god.command('release'))
    .description('let jobs start again that were held')
    .argument('<id...>', 'jobs')
    .action(async (ids, options) => done(await release(context, ids, options)));
}

function addQueryCommands(god: Command, context: Context, done: Done): void {
  common(god.command('list'))
    .description('jobs that wait or run')
    .option('-a, --all', 'those that are over too')
    .option('--over', 'only those that are over')
    .addOption(new Option('--state <state>', 'only these').choices([...LISTED_STATES]))
    .option('--tag <tag>', 'only those with this tag')
    .option('--project <project>', 'only those of this project')
    .option('--since <time>', 'submitted since: 2026-11-21, 2026-11-21T18:00, 7d for so long ago')
    .option('--until <time>', 'submitted before')
    .option(
      '-n, --limit <count>',
      'at most so many that are over',
      whole(1, 1e6),
      OVER_LIMIT_DEFAULT,
    )
    .action(async (options) => done(await list(context, options)));
  common(god.command('show'))
    .description('all about one job')
    .argument('<id>', 'job')
    .option('--script', 'print its script')
    .action(async (id, options) => done(await show(context, id, options)));
  common(god.command('why'))
    .description('where a waiting job stands, what it waits for, and when it may start')
    .argument('<id>', 'job')
    .argument('[other]', 'why this one stands before it, or behind')
    .action(async (id, other, options) => done(await why(context, id, other, options)));
  common(god.command('members'))
    .description('the members of a job array')
    .argument('<id>', 'the array')
    .addOption(new Option('--state <state>', 'only these').choices([...MEMBER_STATES]))
    .option('--start <place>', 'the first one, counted from 0', whole(0, 1e9), 0)
    .option('-n, --limit <count>', 'at most so many', whole(1, 1e6), MEMBERS_LIMIT_DEFAULT)
    .action(async (id, options) => done(await members(context, id, options)));
  common(god.command('retry-failed'))
    .description('submit the members of an array that failed once more, as a new array')
    .argument('<id>', 'the array')
    .action(async (id, options) => done(await retryFailed(context, id, options)));
  common(god.command('wait'))
    .description('wait until jobs are over; exit with the first code that is not 0')
    .argument('<id...>', 'jobs')
    .option('--timeout <seconds>', `stop waiting and exit with ${EXIT.timeout}`, positive)
    .action(async (ids, options) => done(await wait(context, ids, options)));
}

function addShareCommands(god: Command, context: Context, done: Done): void {
  common(god.command('share'))
    .description('who goes next and why: use, weights and scores')
    .argument('[name]', 'a user or a project, with every term of the score')
    .action(async (name, options) => done(await share(context, name, options)));
  common(god.command('queues'))
    .description('the queues of the site, who may use them and how full they are')
    .action(async (options) => done(await queues(context, options)));
}

function addFileCommands(god: Command, context: Context, done: Done): void {
  common(god.command('logs'))
    .description('what a job wrote to its standard output')
    .argument('<id>', 'job')
    .option('-f, --follow', 'go on until the job is over')
    .option('--err', 'its standard error instead')
    .action(async (id, options) => done(await logs(context, id, options)));
  common(god.command('files'))
    .description("list a job's directory")
    .argument('<id>', 'job')
    .argument('[path]', 'directory inside', '')
    .action(async (id, path, options) => done(await files(context, id, path, options)));
  common(god.command('get'))
    .description("fetch a file of a job's directory, or all of it")
    .argument('<id>', 'job')
    .argument('[path]', 'file inside; with -r a directory', '')
    .argument('[destination]', 'file or directory here, "-" for standard output', '.')
    .option('-r, --recursive', 'all files below a directory; what is here already is kept')
    .action(async (id, path, destination, options) =>
      done(await get(context, id, path, destination, options)),
    );
}

function addNodeCommands(god: Command, context: Context, done: Done): void {
  common(god.command('nodes'))
    .description('the machines, what they have free, and which take no new jobs')
    .action(async (options) => done(await nodes(context, options)));
  const node = god
    .command('node')
    .description('take a machine out of use and back (administrators)');
  common(node.command('drain'))
    .description('let the jobs on a machine end and no new ones begin')
    .argument('<name>', 'machine, as "god nodes" names it')
    .requiredOption('--reason <text>', 'why, for the users whose jobs wait')
    .option('--at <time>', `empty from then on: ${TIME_FORM}; default: now`)
    .option('--until <time>', `open again by itself: ${TIME_FORM}; default: when resumed`)
    .option('--executor <name>', 'its cluster, where several have a machine of this name')
    .action(async (name, options) => done(await drain(context, name, options)));
  common(node.command('resume'))
    .description('let new jobs begin on a machine that was drained or set aside')
    .argument('<name>', 'machine, as "god nodes" names it')
    .option('--executor <name>', 'its cluster, where several have a machine of this name')
    .action(async (name, options) => done(await resume(context, name, options)));
}

function addLoginCommands(god: Command, context: Context, done: Done): void {
  common(god.command('login'))
    .description('check a login and keep it for later commands; a password is never kept')
    .option('--server <url>', 'address of the service')
    .option('--user <name>', 'your login there')
    .option('--apikey <key>', 'your API key; "-" reads it from standard input')
    .action(async (options) => done(await login(context, options)));
  common(god.command('logout'))
    .description('forget the login that was kept')
    .action(async (options) => done(await logout(context, options)));
}

const common = (command: Command): Command => command.option('--json', 'for machines');

function withNeeds(command: Command): Command {
  return command
    .option('--cpu <count>', 'cpus, fractions allowed', positive)
    .option('--ram <gigabytes>', 'memory in GB, fractions allowed', positive)
    .option('--gpus <count>', 'whole GPUs', whole(0, 1_000))
    .option('--image <name>', "container image (default: $GODOCKER_IMAGE, else the site's)")
    .option('--volume <name[:acl]>', 'volume to mount, acl ro or rw; may be repeated', gather)
    .option('--label <name==value>', 'only agents with this attribute; may be repeated', gather)
    .option('--name <name>', 'name of the job (default: of the script or command)', name)
    .option('--description <text>', 'what it is for')
    .option('--tag <tag>', 'word to find it by; may be repeated', gather)
    .option('--project <project>', 'project it counts for')
    .option('--ports <list>', 'container ports to open, as in 80,8080', ports)
    .option(
      '-a, --array <indexes>',
      'an array: N, START:END, START:END:STEP or a list, each may end in %LIMIT',
    )
    .option(
      '-d, --depend <list>',
      'jobs to wait for, as afterok:12:13,afterany:14; or singleton',
      (text) => typed(readDepend(text)),
    )
    .option('--begin <time>', `not before then: ${TIME_FORM}`)
    .option('--hold', 'not before "god release"')
    .option(
      '--upload <file>',
      'file of this machine that the job finds in its directory; may be repeated',
      gather,
    )
    .option('--network <kind>', 'network to join: public, user or project')
    .option('--lifespan <duration>', 'how long it may run, as in 12h or 7d')
    .option('--executor <name>', 'cluster it shall run on')
    .option('--queue <name>', 'queue of the site, as "god queues" lists them')
    .option('--retry <times>', 'launch again after failures of the system', whole(0, 1_000))
    .option(
      '--retry-on <codes:times[:pause]>',
      'launch again after these exit codes, as in 75,100-110:3:30s; may be repeated',
      (text, sofar?: readonly RetryRuleAsked[]) => [...(sofar ?? []), typed(readRetryOn(text))],
    )
    .option(
      '--retry-memory <factor:times[:gb]>',
      'launch again with more memory when it ran out, as in 2x:3:64',
      (text) => typed(readRetryMemory(text)),
    );
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    if (/^\d+$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

function gather(text: string, sofar: readonly string[] | undefined): string[] {
  return [...(sofar ?? []), text];
}

function name(text: string): string {
  if (text.length > 0 && [...text].length <= NAME_CHARS_MAX) return text;
  throw new InvalidArgumentError(`A name has 1 to ${NAME_CHARS_MAX} characters.`);
}

const ports = (text: string): number[] => typed(readPorts(text));

/** What a reader made of the text, or its complaint. */
function typed<T>(found: T | string): T {
  if (typeof found === 'string') throw new InvalidArgumentError(`Wrong: ${found}.`);
  return found;
}
