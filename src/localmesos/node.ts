/** Builds a local node: a Mesos master and its agents on one machine, in this process. */
import { randomUUID } from 'node:crypto';
import { cpus as machineCpus, hostname as machineName, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Clock, Timers } from '../contracts/clock.js';
import { type Log, SILENT } from '../contracts/log.js';
import type { AgentShape } from '../core/obstacle.js';
import { instant } from '../core/units.js';
import { type Agent, agentShape, parseAttributes } from './agent.js';
import type { Amount } from './amounts.js';
import { Books, type Ports } from './books.js';
import type { Containerizer } from './containerizer.js';
import { DockerContainerizer, dockerImages, dockerVersion } from './docker.js';
import { openHome } from './home.js';
import { imageOf } from './image.js';
import { FileJournal, type Journal, type Kept, NO_JOURNAL, readJournal } from './journal.js';
import { logged } from './launch-log.js';
import { Master } from './master.js';
import { metricsView, PROMETHEUS_TYPE, prometheusText } from './metrics.js';
import { bootId } from './proc.js';
import { ProcessContainerizer } from './process.js';
import { type Credential, MasterServer, type Page, TextPage } from './server.js';
import { SimulatingContainerizer } from './simulate.js';
import {
  frameworksView,
  MASTER_CAPABILITIES,
  MESOS_VERSION,
  type Place,
  rolesView,
  slavesView,
  stateView,
  tasksView,
  versionView,
} from './views.js';

export type ContainerizerName = 'docker' | 'process' | 'simulate';

export interface LocalNodeOptions {
  /** 0 takes a free one. Default 5050. */
  readonly port?: number;
  /** Address to listen on. Default 127.0.0.1; others are refused unless `allowRemote`. */
  readonly host?: string;
  readonly allowRemote?: boolean;
  /** Further names that requests may have in `Host`. */
  readonly hosts?: readonly string[];
  /** Default 1. */
  readonly agents?: number;
  /** Of each agent; default: the machine's, shared equally. */
  readonly cpus?: number;
  readonly memMb?: number;
  readonly gpus?: number;
  readonly diskMb?: number;
  /** Attributes of every agent, as `rack:r1;zone:z1`; or one text for each agent. */
  readonly attributes?: string | readonly string[];
  /** Name of the machine in offers. */
  readonly hostname?: string;
  /** `auto` (default): Docker when a daemon answers, else processes. */
  readonly containerizer?: ContainerizerName | 'auto';
  /** Where to keep what must survive; needed unless tasks are simulated. Absolute. */
  readonly stateDir?: string;
  /** Null: nobody has to say who they are. */
  readonly credential: Credential | null;
  /** Host folders that containers may mount; what is in them too. */
  readonly allowMounts?: readonly string[];
  /** Login name or `uid:gid` of process tasks that name none, when the node is root. */
  readonly jobUser?: string;
  /** Default: the Unix socket that `$DOCKER_HOST` names, else /var/run/docker.sock. */
  readonly dockerSocket?: string;
  /** How long simulated tasks last that do not say; default 0. */
  readonly simulateMs?: number;
  /** A file to which every launch and every end is appended, see `LaunchLine`. */
  readonly launchLog?: string;
  /** Tests may take agents away: `POST /faults`, see `FaultControl`. */
  readonly hasFaultControl?: boolean;
  /** Default 5,000. */
  readonly heartbeatMs?: number;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly log?: Log;
}

export interface LocalNode {
  /** `http://host:port` */
  readonly url: string;
  readonly port: number;
  readonly containerizer: ContainerizerName;
  /** Images that tasks can use without a pull; none unless tasks run in Docker. */
  images(): Promise<readonly string[]>;
  /** Its agents as they are when nothing runs. */
  readonly agents: readonly AgentShape[];
  /** Closes streams and lets running tasks run on. */
  stop(): Promise<void>;
}

const HEARTBEAT_MS = 5_000;
const DISK_MB = 10_000;
const DOCKER_SOCKET = '/var/run/docker.sock';
const UNIX = 'unix://';
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;
/** Each agent has a block of ports of its own, as long as blocks last. */
const FIRST_PORT = 31_000;
const PORTS_EACH = 1_000;
const PORT_BLOCKS = 30;
/** Offers of one life of the node: ids of the next life begin behind them. */
const OFFERS_PER_LIFE = 1_000_000_000;

export async function startLocalNode(options: LocalNodeOptions): Promise<LocalNode> {
  const log = options.log ?? SILENT;
  const clock = options.clock ?? realClock;
  const timers = options.timers ?? realTimers;
  const host = options.host ?? '127.0.0.1';
  if (!LOOPBACK.test(host) && options.allowRemote !== true) {
    throw new Error(`the local node does not listen on ${host} unless told that it may`);
  }
  const home = options.stateDir === undefined ? undefined : openHome(options.stateDir, randomUUID);
  try {
    const masterId = home?.masterId ?? randomUUID();
    const kept = readKept(options.stateDir);
    const former = formerContainerizer(kept);
    const choice = { ...options, containerizer: agreed(options.containerizer ?? 'auto', former) };
    const chosen = await chooseContainerizer(choice, masterId, { clock, timers, log });
    const { launchLog } = options;
    const containerizer = launchLog === undefined ? chosen : logged(chosen, launchLog, clock);
    const journal = openJournal(options.stateDir, kept, containerizer, timers, log);
    const ports: Ports = { clock, timers, uuid: randomUUID, log, containerizer, journal };
    const books = new Books(masterId, clock.now(), {
      offer: (home?.life ?? 0) * OFFERS_PER_LIFE,
      framework: nextFramework(kept, masterId),
    });
    return await serve(options, { host, books, ports, kept, unlock: () => home?.unlock() });
  } catch (error) {
    home?.unlock();
    throw error;
  }
}

interface Parts {
  readonly host: string;
  readonly books: Books;
  readonly ports: Ports;
  readonly kept: Kept;
  readonly unlock: () => void;
}

async function serve(options: LocalNodeOptions, parts: Parts): Promise<LocalNode> {
  const { host, books, ports, kept } = parts;
  const { clock, log, containerizer, journal } = ports;
  const heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
  const hostname = options.hostname ?? machineName();
  const place: Place & { port: number } = { hostname: host, ip: host, port: 0 };
  let master: Master | null = null;
  const server = new MasterServer({
    host,
    port: options.port ?? 5050,
    credential: options.credential,
    hosts: options.hosts ?? [],
    heartbeatMs,
    uuid: ports.uuid,
    log,
    master: () => master,
    hasFaultControl: options.hasFaultControl ?? false,
    pages: new Map<string, Page>([
      ...pagesOf(books, place, { hostname, agents: String(options.agents ?? 1) }, clock),
      ['/maintenance/schedule', () => master?.maintenance.schedule() ?? {}],
      ['/maintenance/status', () => master?.maintenance.status() ?? {}],
    ]),
  });
  const { port } = await server.listen();
  Object.assign(place, { port });
  const ready = new Master(books, ports, {
    heartbeatMs,
    bootId: bootId(),
    masterInfo: () => ({
      id: books.masterId,
      ip: littleEndian(host),
      port,
      pid: `master@${host}:${port}`,
      hostname: host,
      version: MESOS_VERSION,
      address: { hostname: host, ip: host, port },
      capabilities: MASTER_CAPABILITIES.map((type) => ({ type })),
    }),
  });
  sayOversize(options, containerizer, log);
  for (const agent of makeAgents(options, books.masterId, { ...place, hostname }, clock)) {
    ready.addAgent(agent);
  }
  await ready.start(kept);
  master = ready;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  log.info('local node ready', {
    url,
    containerizer: containerizer.name,
    agents: books.agents.size,
  });
  return {
    url,
    port,
    containerizer: containerizer.name,
    agents: [...books.agents.values()].map(agentShape),
    images: async () =>
      containerizer.name === 'docker' ? dockerImages(dockerSocketOf(options)) : [],
    stop: async () => {
      master = null;
      ready.stop();
      await server.close();
      await containerizer.stop();
      ready.stop();
      journal.close();
      parts.unlock();
    },
  };
}

function pagesOf(
  books: Books,
  place: Place,
  flags: Readonly<Record<string, string>>,
  clock: Clock,
): ReadonlyMap<string, Page> {
  const startedMs = clock.monotonicMs();
  const metrics = () => metricsView(books, clock.monotonicMs() - startedMs);
  return new Map<string, Page>([
    ['/state', () => stateView(books, place, flags)],
    ['/slaves', () => slavesView(books)],
    ['/frameworks', () => frameworksView(books)],
    ['/tasks', (query) => tasksView(books, query)],
    ['/roles', () => rolesView(books)],
    ['/metrics/snapshot', metrics],
    ['/metrics', () => new TextPage(prometheusText(metrics()), PROMETHEUS_TYPE)],
    ['/version', versionView],
  ]);
}

async function chooseContainerizer(
  options: LocalNodeOptions,
  nodeId: string,
  ports: { clock: Clock; timers: Timers; log: Log },
): Promise<Containerizer> {
  const { stateDir, containerizer: wanted = 'auto' } = options;
  const socketPath = dockerSocketOf(options);
  if (wanted === 'simulate') {
    return new SimulatingContainerizer(ports.timers, options.simulateMs);
  }
  if (stateDir === undefined) {
    throw new Error('the local node needs a state directory to find its tasks again');
  }
  const version = wanted === 'process' ? undefined : await dockerVersion(socketPath);
  if (version !== undefined) {
    ports.log.info('tasks run in Docker containers', { version });
    const granted = options.allowMounts ?? [];
    return new DockerContainerizer({ socketPath, nodeId, granted, ...ports });
  }
  if (wanted === 'docker') throw new Error(`no Docker daemon answers on ${socketPath}`);
  ports.log.warn('tasks run as plain processes: no isolation, for development only');
  const folder = join(stateDir, 'tasks');
  return new ProcessContainerizer({ folder, jobUser: options.jobUser ?? null, ...ports });
}

/** The daemon that the `docker` command would use, as far as it has a socket here. */
function dockerSocketOf({ dockerSocket }: LocalNodeOptions): string {
  const named = process.env.DOCKER_HOST;
  const usual = named?.startsWith(UNIX) ? named.slice(UNIX.length) : DOCKER_SOCKET;
  return dockerSocket ?? usual;
}

/** What runs the tasks that a former life of the node left, if there are any. */
function formerContainerizer({ tasks }: Kept): 'docker' | 'process' | null {
  const live = [...tasks.values()].find(({ end }) => end === null);
  if (live === undefined) return null;
  return imageOf(live.info.container) === undefined ? 'process' : 'docker';
}

/**
 * Only who started a task can tell whether it lives: another one would call it lost, and it would run twice.
 * @throws Error when what is wanted is not what is needed
 */
function agreed(
  wanted: ContainerizerName | 'auto',
  former: 'docker' | 'process' | null,
): ContainerizerName | 'auto' {
  if (former === null || wanted === former) return wanted;
  if (wanted === 'auto') return former;
  throw new Error(`tasks of a former life run by '${former}': they need it again, not '${wanted}'`);
}

/** Offering more than the machine has is allowed, for tests and for tasks that mostly wait. */
function sayOversize(options: LocalNodeOptions, { name }: Containerizer, log: Log): void {
  if (name === 'simulate') return;
  const agents = options.agents ?? 1;
  const has = { cpus: machineCpus().length, memMb: Math.floor(totalmem() / 2 ** 20) };
  const offered = {
    cpus: (options.cpus ?? 0) * agents,
    memMb: (options.memMb ?? 0) * agents,
  };
  if (offered.cpus > has.cpus || offered.memMb > has.memMb) {
    log.warn('more is offered than this machine has', { offered, has });
  }
}

const readKept = (stateDir: string | undefined): Kept =>
  stateDir === undefined
    ? { frameworks: new Map(), removed: new Set(), tasks: new Map() }
    : readJournal(stateDir);

function openJournal(
  stateDir: string | undefined,
  kept: Kept,
  { name }: Containerizer,
  timers: Timers,
  log: Log,
): Journal {
  if (stateDir === undefined) return NO_JOURNAL;
  return new FileJournal(stateDir, kept, {
    later: timers.soon,
    failed: (error) => log.error('journal not written', { cause: String(error) }),
    keepsTasks: name !== 'simulate',
  });
}

/** Ids of frameworks are never given twice. */
function nextFramework(kept: Kept, masterId: string): number {
  const numbers = [...kept.frameworks.keys(), ...kept.removed]
    .filter((id) => id.startsWith(`${masterId}-`))
    .map((id) => Number(id.slice(id.lastIndexOf('-') + 1)));
  return numbers.reduce((next, number) => Math.max(next, number + 1), 0);
}

function makeAgents(
  options: LocalNodeOptions,
  masterId: string,
  place: Place,
  clock: Clock,
): Agent[] {
  const count = options.agents ?? 1;
  const cpus = options.cpus ?? Math.max(1, Math.floor(machineCpus().length / count));
  const memMb = options.memMb ?? Math.floor(totalmem() / 2 ** 20 / count);
  const milli = { cpus, mem: memMb, disk: options.diskMb ?? DISK_MB, gpus: options.gpus ?? 0 };
  const scalars = Object.fromEntries(
    Object.entries(milli).flatMap(([name, value]) =>
      value > 0 ? [[name, Math.round(value * 1_000)]] : [],
    ),
  );
  return Array.from({ length: count }, (_, n) => {
    const begin = FIRST_PORT + PORTS_EACH * (count > PORT_BLOCKS ? 0 : n);
    const ports = [{ begin, end: begin + PORTS_EACH - 1 }];
    const total: Amount = { scalars, ranges: { ports } };
    const text =
      typeof options.attributes === 'string' ? options.attributes : options.attributes?.[n];
    const hostname = count === 1 ? place.hostname : `${place.hostname}-${n + 1}`;
    const { ip, port } = place;
    return {
      id: `${masterId}-S${n}`,
      hostname,
      ip,
      port,
      url: { scheme: 'http', address: { hostname, ip, port }, path: `/slave(${n + 1})` },
      attributes: parseAttributes(text ?? ''),
      registeredAt: clock.now(),
      total,
      condition: 'here',
      unavailability: null,
      free: total,
      offers: new Set(),
      tasks: new Set(),
    };
  });
}

/** How Mesos writes an IPv4 address as a number; 0 for names and IPv6. */
function littleEndian(address: string): number {
  const parts = address.split('.').map(Number);
  return parts.length === 4 ? Buffer.from(parts).readUInt32LE() : 0;
}

const realClock: Clock = {
  now: () => instant(Date.now()),
  monotonicMs: () => performance.now(),
};

const realTimers: Timers = {
  after: (delayMs, call) => {
    const timer = setTimeout(call, delayMs).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  soon: (call) => {
    setImmediate(call);
  },
};
