/** `godocker local-mesos`: the local node alone, for trials, tests and load. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Facts, Log } from '../contracts/log.js';
import { type ContainerizerName, type LocalNodeOptions, startLocalNode } from './node.js';
import type { Credential } from './server.js';

const USAGE = `godocker local-mesos: a Mesos-compatible master and agents on this machine

  --port P             port to listen on (5050; 0: a free one)
  --host ADDRESS       address to listen on (127.0.0.1)
  --allow-remote       listen on an address that is not loopback
  --hostname NAME      name of the machine in offers; requests may use it as Host
  --agents N           number of agents (1)
  --cpus C  --mem MB  --gpus G     of each agent (the machine's)
  --attributes k:v;…   attributes of the agents
  --tasks KIND         simulate, process, docker or auto (auto)
  --simulate-ms MS     how long simulated tasks last that have no label simulate.ms (0)
  --state DIR          where to keep what must survive ($GODOCKER_HOME/local-mesos)
  --credential FILE    JSON {"principal", "secret"}: who calls must know it
  --insecure           as root, or with docker, without a credential
  --allow-mounts DIRS  host folders that containers may mount, separated by commas
  --job-user USER      account of process tasks that name none, when run by root
  --docker-socket PATH (/var/run/docker.sock)
  --heartbeat SECONDS  between heartbeats (5)
  --launch-log FILE    every launch and end is appended here, a line of JSON each
  --fault-control      POST /faults takes agents away, for tests; needs --credential
`;

const OPTIONS = {
  port: { type: 'string', default: '5050' },
  host: { type: 'string', default: '127.0.0.1' },
  'allow-remote': { type: 'boolean', default: false },
  hostname: { type: 'string' },
  agents: { type: 'string', default: '1' },
  cpus: { type: 'string' },
  mem: { type: 'string' },
  gpus: { type: 'string' },
  attributes: { type: 'string' },
  tasks: { type: 'string', default: 'auto' },
  'simulate-ms': { type: 'string', default: '0' },
  state: { type: 'string' },
  credential: { type: 'string' },
  insecure: { type: 'boolean', default: false },
  'allow-mounts': { type: 'string' },
  'job-user': { type: 'string' },
  'docker-socket': { type: 'string' },
  heartbeat: { type: 'string', default: '5' },
  'launch-log': { type: 'string' },
  'fault-control': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const KINDS: readonly string[] = ['auto', 'docker', 'process', 'simulate'];

/** A mistake in the command line. */
class Misuse extends Error {}

/**
 * Runs until SIGINT or SIGTERM.
 * @param argv what follows `local-mesos`
 * @returns the exit code: 0 after a clean stop, 2 for a mistake in the arguments, 1 when it could not start
 */
export async function localMesosCommand(argv: string[]): Promise<number> {
  try {
    const options = readOptions(argv);
    if (options === null) {
      process.stdout.write(USAGE);
      return 0;
    }
    const stopWanted = new Promise<void>((done) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done());
    });
    const node = await startLocalNode(options);
    process.stdout.write(`local Mesos node on ${node.url}, tasks: ${node.containerizer}\n`);
    const alive = setInterval(() => {}, 2 ** 30);
    await stopWanted;
    clearInterval(alive);
    await node.stop();
    return 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`godocker local-mesos: ${message}\n`);
    return error instanceof Misuse ? 2 : 1;
  }
}

function readOptions(argv: string[]): LocalNodeOptions | null {
  const given = parse(argv);
  if (given.help) return null;
  if (!KINDS.includes(given.tasks)) {
    throw new Misuse(`--tasks must be one of ${KINDS.join(', ')}, not "${given.tasks}"`);
  }
  const containerizer = given.tasks as ContainerizerName | 'auto';
  const credential = given.credential === undefined ? null : readCredential(given.credential);
  if (given['fault-control'] && credential === null)
    throw new Misuse('--fault-control needs --credential: not anybody may take agents away');
  const isPowerful = process.getuid?.() === 0 || containerizer !== 'process';
  if (credential === null && containerizer !== 'simulate' && isPowerful && !given.insecure) {
    throw new Misuse(
      'whoever reaches this port would act as root of this machine: give --credential FILE, or --insecure',
    );
  }
  if (credential === null && given.insecure) {
    process.stderr.write('godocker local-mesos: INSECURE, anybody on this machine may run tasks\n');
  }
  const home = process.env.GODOCKER_HOME ?? '.godocker';
  const stateDir =
    given.state ?? (containerizer === 'simulate' ? undefined : `${home}/local-mesos`);
  return {
    port: number('port', given.port),
    host: given.host,
    allowRemote: given['allow-remote'],
    agents: number('agents', given.agents),
    heartbeatMs: number('heartbeat', given.heartbeat) * 1_000,
    containerizer,
    simulateMs: number('simulate-ms', given['simulate-ms']),
    credential,
    log: stderrLog(),
    hasFaultControl: given['fault-control'],
    ...(given['launch-log'] === undefined ? {} : { launchLog: resolve(given['launch-log']) }),
    ...(given.cpus === undefined ? {} : { cpus: number('cpus', given.cpus) }),
    ...(given.mem === undefined ? {} : { memMb: number('mem', given.mem) }),
    ...(given.gpus === undefined ? {} : { gpus: number('gpus', given.gpus) }),
    ...(given.attributes === undefined ? {} : { attributes: given.attributes }),
    ...(given.hostname === undefined ? {} : { hostname: given.hostname, hosts: [given.hostname] }),
    ...(stateDir === undefined ? {} : { stateDir: resolve(stateDir) }),
    ...(given['allow-mounts'] === undefined
      ? {}
      : { allowMounts: given['allow-mounts'].split(',').map((path) => resolve(path)) }),
    ...(given['job-user'] === undefined ? {} : { jobUser: given['job-user'] }),
    ...(given['docker-socket'] === undefined ? {} : { dockerSocket: given['docker-socket'] }),
  };
}

function parse(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: OPTIONS }).values;
  } catch (cause) {
    throw new Misuse(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new Misuse(`--${name} must be a number, not "${text}"`);
  }
  return value;
}

function readCredential(path: string): Credential {
  const { principal, secret } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  if (typeof principal !== 'string' || typeof secret !== 'string') {
    throw new Misuse(`${path} must hold {"principal": "…", "secret": "…"}`);
  }
  return { principal, secret };
}

/** One JSON line each on standard error; debug lines are left out. */
function stderrLog(more: Facts = {}): Log {
  const write = (level: string) => (message: string, facts?: Facts) => {
    const line = { at: new Date().toISOString(), level, message, ...more, ...facts };
    process.stderr.write(`${JSON.stringify(line)}\n`);
  };
  return {
    debug() {},
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    with: (facts) => stderrLog({ ...more, ...facts }),
  };
}
