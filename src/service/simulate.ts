/** `godocker simulate`: replays a workload under several policies, without a service, and compares them. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import type { Log } from '../contracts/log.js';
import type { Host } from '../contracts/plugin.js';
import { DURATION_FORM, durationMsOf } from '../core/duration.js';
import { ADVANCE_MS, type Policy } from '../core/policy.js';
import { loadPlugin } from '../host/load.js';
import { systemClock, systemRandom, systemTimers } from '../host/system.js';
import { NO_USERS } from '../host/users.js';
import { figuresOf } from '../whatif/figures.js';
import { htmlOf } from '../whatif/html.js';
import { readJobLines } from '../whatif/job-lines.js';
import { type ReplayCluster, replay } from '../whatif/replay.js';
import { readSwf } from '../whatif/swf.js';
import { tableOf } from '../whatif/table.js';
import { BadTrace, type Trace } from '../whatif/trace.js';

/** After sysexits: what was given cannot be read as what it should be; there is no such file. */
const DATA = 65;
const NO_INPUT = 66;
const OURS = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'plugins');
const POLICIES = ['fifo', 'fairshare', 'drf'];

interface Options {
  readonly trace: string;
  readonly format?: string;
  readonly agents: number;
  readonly cpus: number;
  readonly mem: number;
  readonly gpus: number;
  readonly policy?: readonly string[];
  readonly halfLife: number;
  readonly reservationAfter: number;
  readonly html?: string;
  readonly json?: true;
}

/** @param done is told the exit code */
export function simulateCommand(done: (code: number) => void): Command {
  return new Command('simulate')
    .description('replays a workload under several policies and compares them; starts nothing')
    .requiredOption('--trace <file>', 'jobs: Standard Workload Format, or JSON lines')
    .option('--format <swf|jsonl>', 'of the trace (default: by the ending of its name)', format)
    .requiredOption('--agents <n>', 'how many agents', whole)
    .requiredOption('--cpus <n>', 'cpus of each', positive)
    .requiredOption('--mem <mb>', 'megabytes of memory of each', positive)
    .option('--gpus <n>', 'GPUs of each', wholeOrNone, 0)
    .option(
      '--policy <name|file>',
      `a policy, or a plugin scheduler-NAME.js or .ts; may be repeated (default: ${POLICIES.join(', ')})`,
      (one: string, all: readonly string[] = []) => [...all, one],
    )
    .option(
      '--half-life <duration>',
      'after this past use counts half (default: 7d)',
      duration,
      604_800_000,
    )
    .option(
      '--reservation-after <duration>',
      'as in the configuration (default: 10m)',
      duration,
      600_000,
    )
    .option('--html <file>', 'writes a page with a plot')
    .option('--json', 'prints one JSON object for each policy')
    .action(async (options: Options) => done(await simulate(options)));
}

async function simulate(options: Options): Promise<number> {
  const trace = traceIn(options);
  if (typeof trace === 'string') return complain(trace, DATA);
  if (trace === null) return complain(`${options.trace}: there is no such file`, NO_INPUT);
  const cluster: ReplayCluster = {
    agents: options.agents,
    cpuMilli: Math.round(options.cpus * 1_000),
    memMb: Math.round(options.mem),
    gpus: options.gpus,
  };
  const policies: Policy[] = [];
  for (const one of options.policy ?? POLICIES) policies.push(await policyOf(one));
  const rules = {
    usage: { kind: 'half-life', halfLifeMs: options.halfLife },
    advanceMs: ADVANCE_MS,
    reservationAfterMs: options.reservationAfter,
  } as const;
  const replays = policies.map((policy) => {
    const made = replay(trace, cluster, { ...rules, policy });
    return { replay: made, figures: figuresOf(made, cluster) };
  });
  const all = replays.map(({ figures }) => figures);
  if (options.json) for (const one of all) process.stdout.write(`${JSON.stringify(one)}\n`);
  else process.stdout.write(tableOf(all));
  const impossible = all[0]?.impossible ?? 0;
  if (impossible > 0) note(`${impossible} jobs are larger than any agent and were left out`);
  if (trace.leftOut > 0) note(`${trace.leftOut} records of jobs that never ran were left out`);
  if (options.html !== undefined) {
    const title = `${basename(options.trace)} on ${options.agents} agents of ${options.cpus} cpus`;
    const page = htmlOf({ title, cpuMilli: cluster.agents * cluster.cpuMilli, replays });
    writeFileSync(options.html, page);
  }
  return 0;
}

/** The trace; what is wrong with it; or null: there is none. */
function traceIn({ trace: file, format: named }: Options): Trace | string | null {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return null;
  const kind = named ?? (/\.(jsonl|ndjson|json)$/.test(file) ? 'jsonl' : 'swf');
  try {
    const text = readFileSync(file, 'utf8');
    const trace = kind === 'swf' ? readSwf(text) : readJobLines(text);
    return trace.jobs.length === 0 ? `${file}: there is no job in it that ran` : trace;
  } catch (error) {
    if (!(error instanceof BadTrace)) throw error;
    return `${file}:\n${error.message}`;
  }
}

/** One of ours by its name, or a plugin by its file. @throws BadPlugins */
function policyOf(named: string): Promise<Policy> {
  const isFile = /[/.]/.test(named);
  const name = isFile
    ? basename(named)
        .replace(/\.[jt]s$/, '')
        .replace(/^scheduler-/, '')
    : named;
  const folders = [isFile ? resolve(dirname(named)) : OURS];
  return loadPlugin({ kind: 'scheduler', name }, { folders, options: {}, hostFor: () => HOST });
}

const note = (text: string): void => void process.stderr.write(`godocker: ${text}\n`);

function complain(message: string, code: number): number {
  note(message);
  return code;
}

/** What a plugin says goes to standard error: figures have the other one for themselves. */
const log: Log = {
  debug: () => {},
  info: note,
  warn: note,
  error: note,
  with: () => log,
};

/** Without accounts, volumes or memory: nothing of a site is there. */
const HOST: Host = {
  log,
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
  users: NO_USERS,
  volumes: [],
  memory: { load: async () => null, save: async () => {} },
};

function format(text: string): string {
  if (text === 'swf' || text === 'jsonl') return text;
  throw new InvalidArgumentError('It is swf or jsonl.');
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

const AGENTS_MAX = 100_000;

function whole(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= AGENTS_MAX) return value;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${AGENTS_MAX}.`);
}

const wholeOrNone = (text: string): number => (text === '0' ? 0 : whole(text));

function duration(text: string): number {
  const ms = durationMsOf(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new InvalidArgumentError(`It must be ${DURATION_FORM}, and above 0.`);
}
