/** The command `godocker`: which process to be. Everything else is in the configuration. */
import { Command, CommanderError } from 'commander';
import { HomeTaken } from './config/home.js';
import { readConfig } from './config/read.js';
import type { Config } from './contracts/config.js';
import { ServiceError } from './contracts/errors.js';
import { describeProblem } from './contracts/reader.js';
import { BadPlugins, describePluginProblem } from './host/load.js';
import { adminCommand } from './service/admin.js';
import { userCommand } from './service/admin-user.js';
import { auditCommand } from './service/audit.js';
import { billCommand } from './service/bill.js';
import { simulateCommand } from './service/simulate.js';
import { statusCommand } from './service/status-command.js';
import type { Process, StatusProcess, WebProcess } from './service.js';

/** Exit codes of the service, after sysexits: a wrong call, a wrong configuration. */
const USAGE = 64;
const CONFIG = 78;
const SOFTWARE = 70;
const UNAVAILABLE = 69;

/** Runs one command; resolves with the exit code when it is over. */
export async function main(argv: readonly string[]): Promise<number> {
  // The local node has options of its own, and other programs start it.
  if (argv[0] === 'local-mesos') {
    const { localMesosCommand } = await import('./localmesos/index.js');
    return localMesosCommand(argv.slice(1));
  }
  let code = 0;
  const program = new Command('godocker')
    .description('Batch scripts in containers for a shared computing centre.')
    .exitOverride()
    .showHelpAfterError();
  const processes = {
    up: ['everything in one process: the default for one machine', up],
    web: ['REST API and pages; any number of them share a home', web],
    scheduler: ['orders and launches the jobs; one leads, further ones stand by', scheduler],
    watcher: [
      'watches running jobs and keeps accounts; any number of them share the jobs',
      watcher,
    ],
  } as const;
  for (const [name, [description, run]] of Object.entries(processes))
    program
      .command(name)
      .description(description)
      .option('--config <file>', 'configuration file (default: $GOD_CONFIG, then godocker.yaml)')
      .action(async ({ config: file }: { config?: string }) => {
        const config = configured(file);
        code = config === undefined ? CONFIG : await run(config);
      });
  program.addCommand(
    statusCommand(configured, (answer) => {
      code = answer ?? CONFIG;
    })
      .exitOverride()
      .showHelpAfterError(),
  );
  program
    .command('local-mesos')
    .description('the embedded Mesos-compatible master and agents, alone: see local-mesos --help');
  program.addCommand(
    simulateCommand((answer) => {
      code = answer;
    })
      .exitOverride()
      .showHelpAfterError(),
  );
  const ports = {
    configured,
    wrongConfig: CONFIG,
    done: (answer: number) => {
      code = answer;
    },
  };
  program.addCommand(
    adminCommand(ports)
      .addCommand(billCommand(ports))
      .addCommand(auditCommand(ports))
      .addCommand(userCommand(ports)),
  );
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    if (error instanceof HomeTaken) return complain(error.message, UNAVAILABLE);
    if (error instanceof BadPlugins)
      return complain(error.problems.map(describePluginProblem).join('\n'), CONFIG);
    // A file or address of the configuration that turned out to be of no use.
    if (error instanceof ServiceError && error.code === 'bad-field')
      return complain(error.message, CONFIG);
    const trouble = troubleOfTheWorld(error);
    if (trouble !== undefined) return complain(trouble, UNAVAILABLE);
    throw error;
  }
}

/** What an administrator can mend, in a sentence; undefined for a bug of ours. */
function troubleOfTheWorld(error: unknown): string | undefined {
  if (error instanceof ServiceError) return error.message;
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code, message } = error;
  const { address, port } = error as { address?: unknown; port?: unknown };
  if (code === 'EADDRINUSE')
    return (
      `port ${port} of ${address} is taken by another program. Choose others with GODOCKER_PORT (web) and ` +
      'GODOCKER_LOCAL_MESOS_PORT (local node); 0 takes a free one'
    );
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) ? message : undefined;
}

function complain(message: string, code: number): number {
  process.stderr.write(`godocker: ${message}\n`);
  return code;
}

/** The configuration, or every problem of it on standard error and nothing started. */
function configured(file: string | undefined): Config | undefined {
  const answer = readConfig({ file, environment: process.env, directory: process.cwd() });
  if (answer.kind === 'read') {
    for (const warning of answer.warnings) process.stderr.write(`godocker: ${warning}\n`);
    return answer.config;
  }
  const { problems } = answer;
  process.stderr.write(
    `godocker: the configuration has ${problems.length} mistakes, nothing was started:\n`,
  );
  for (const problem of problems) process.stderr.write(`  ${describeProblem(problem)}\n`);
  return undefined;
}

/** Loaded by the commands that need it: most of what a start costs is loading code. */
const theService = () => import('./service.js');

async function up(config: Config): Promise<number> {
  const { startService } = await theService();
  const service = reloadable(await startService(config, failed));
  return untilStopped(service, [`GoDocker is up: ${service.web}`, ...welcome(service)]);
}

async function web(config: Config): Promise<number> {
  const { startWeb } = await theService();
  const service = reloadable(await startWeb(config, failed));
  return untilStopped(service, [`GoDocker web is up: ${service.web}`, ...welcome(service)]);
}

async function scheduler(config: Config): Promise<number> {
  const { startScheduler } = await theService();
  return withStatus('scheduler', await startScheduler(config, failed));
}

async function watcher(config: Config): Promise<number> {
  const { startWatcher } = await theService();
  return withStatus('watcher', await startWatcher(config, failed));
}

function withStatus(role: string, service: StatusProcess): Promise<number> {
  const where = service.status === null ? '' : `: ${service.status}`;
  return untilStopped(service, [`GoDocker ${role} is up${where}`]);
}

const welcome = ({ signInLink, notices }: WebProcess): readonly string[] => [
  `Sign in: ${signInLink}`,
  ...notices.map((notice) => `Note: ${notice}.`),
];

/** A bug of ours: stop as after a power cut. What was promised is in the store, reconciliation repairs the rest. */
function failed(error: unknown): never {
  process.stderr.write(`godocker: stopping after a bug: ${(error as Error).stack ?? error}\n`);
  process.exit(SOFTWARE);
}

/** SIGHUP reads again what may change; a process of which nothing may ends by it, as when its terminal is closed. */
function reloadable<P extends WebProcess>(service: P): P {
  const { reload } = service;
  if (reload !== null) process.on('SIGHUP', () => void reload().catch(failed));
  return service;
}

/** Says so, and runs until SIGINT or SIGTERM; resolves with the exit code. */
function untilStopped(service: Process, lines: readonly string[]): Promise<number> {
  for (const line of lines) process.stdout.write(`${line}\n`);
  return new Promise((resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        service.stop().then(() => resolve(0), reject);
      });
  });
}
