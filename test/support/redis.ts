// Real servers of Redis, from the system's package: alone, watched by Sentinels, as a Cluster.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { RedisConfig } from '../../src/contracts/config.js';
import { freePort, type Scope, temporaryFolder } from './places.js';
import { type Background, hasProgram, startBackground } from './programs.js';
import { waitFor } from './waiting.js';

const START_MS_MAX = 30_000;
const NODES = 3;

/** Why there is none, for a skip; undefined when one can be started. */
export const redisMissing = (): string | undefined =>
  hasProgram('redis-server') ? undefined : 'no redis-server; npm run test:setup';

export const sentinelMissing = (): string | undefined =>
  hasProgram('redis-sentinel') ? redisMissing() : 'no redis-sentinel; npm run test:setup';

/** A configuration that names a server of this machine. */
export const redisAt = (port: number, over: Partial<RedisConfig> = {}): RedisConfig => ({
  kind: 'single',
  addresses: [{ host: '127.0.0.1', port }],
  masterName: null,
  database: 0,
  prefix: 'god',
  user: null,
  password: null,
  sentinelPassword: null,
  tls: null,
  ...over,
});

/** A server that a test may stop, hold, empty and start again. It keeps nothing on disk. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #args: readonly string[];
  #process: Background;

  private constructor(port: number, folder: string, args: readonly string[]) {
    this.port = port;
    this.#folder = folder;
    this.#args = args;
    this.#process = this.#spawn();
  }

  /** @param args more of redis-server's */
  static async start(
    t: Scope,
    { args = [], port }: { readonly args?: readonly string[]; readonly port?: number } = {},
  ): Promise<RedisServer> {
    const at = port ?? (await freePort());
    const server = new RedisServer(at, temporaryFolder(t, 'redis'), args);
    t.teardown(() => server.kill9());
    await server.#answers();
    return server;
  }

  /** As a client of its own, without GoDocker. */
  async ask(command: string, ...args: readonly (string | number)[]): Promise<unknown> {
    const client = new Redis({
      port: this.port,
      host: '127.0.0.1',
      lazyConnect: true,
      retryStrategy: null,
      commandTimeout: 5_000,
    });
    client.on('error', () => {
      // What fails is told by the call.
    });
    try {
      return await client.call(command, ...args);
    } finally {
      client.disconnect();
    }
  }

  get process(): Background {
    return this.#process;
  }

  get pid(): number {
    return this.#process.pid;
  }

  kill9(): Promise<void> {
    return this.#process.kill9();
  }

  async startAgain(): Promise<void> {
    this.#process = this.#spawn();
    await this.#answers();
  }

  #spawn(): Background {
    return startBackground(
      'redis-server',
      [
        ...['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
        ...['--dir', this.#folder, ...this.#args],
      ],
      { logFile: join(this.#folder, 'log') },
    );
  }

  async #answers(): Promise<void> {
    await waitFor('Redis answers', START_MS_MAX, async () => {
      if (!this.#process.isRunning()) throw new Error(`it ended: ${this.#process.lastWords()}`);
      return this.ask('PING').then(
        () => true,
        // It wants a password.
        (error: Error) => /NOAUTH/.test(error.message),
      );
    });
  }
}

/** Three nodes that share the slots, without replicas. */
export async function startCluster(t: Scope): Promise<readonly RedisServer[]> {
  const nodes: RedisServer[] = [];
  // On which the first node talks to others. It would be by 10,000 above its port, where the kernel may have given it away.
  const innerPort = await freePort();
  for (let n = 0; n < NODES; n++) {
    const port = n === 0 ? innerPort : await freePort();
    const args = [
      ...['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'],
      ...['--cluster-port', String(port)],
    ];
    nodes.push(await RedisServer.start(t, { args }));
  }
  const [first] = nodes;
  for (const [n, node] of nodes.entries()) {
    const from = Math.floor((16_384 * n) / NODES);
    const to = Math.floor((16_384 * (n + 1)) / NODES) - 1;
    await node.ask('CLUSTER', 'ADDSLOTSRANGE', from, to);
    if (node !== first) await node.ask('CLUSTER', 'MEET', '127.0.0.1', first?.port ?? 0, innerPort);
  }
  await waitFor('the Cluster is complete', START_MS_MAX, async () => {
    const told = await Promise.all(nodes.map((node) => node.ask('CLUSTER', 'INFO')));
    return told.every((info) => /cluster_state:ok[\s\S]*cluster_known_nodes:3/.test(String(info)));
  });
  return nodes;
}

export interface Watched {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinelPort: number;
}

/** A master, a replica, and one Sentinel that alone decides. */
export async function startSentinel(t: Scope, masterName: string): Promise<Watched> {
  const master = await RedisServer.start(t);
  const replica = await RedisServer.start(t, {
    args: ['--replicaof', `127.0.0.1 ${master.port}`],
  });
  const folder = temporaryFolder(t, 'sentinel');
  const sentinelPort = await freePort();
  const file = join(folder, 'sentinel.conf');
  const lines = [
    `port ${sentinelPort}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${masterName} 127.0.0.1 ${master.port} 1`,
    `sentinel down-after-milliseconds ${masterName} 500`,
    `sentinel failover-timeout ${masterName} 2000`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const sentinel = startBackground('redis-sentinel', [file], { logFile: join(folder, 'log') });
  t.teardown(() => sentinel.kill9());
  const client = new Redis({ port: sentinelPort, host: '127.0.0.1' });
  client.on('error', () => {
    // Until it is up.
  });
  try {
    await waitFor('the Sentinel knows the replica', START_MS_MAX, async () => {
      if (!sentinel.isRunning()) throw new Error(`it ended: ${sentinel.lastWords()}`);
      const replicas = await client.call('SENTINEL', 'REPLICAS', masterName);
      return Array.isArray(replicas) && replicas.length === 1;
    });
  } finally {
    client.disconnect();
  }
  return { master, replica, sentinelPort };
}
