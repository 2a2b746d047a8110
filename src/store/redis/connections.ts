/** Clients of Redis as the configuration names it: one server, masters that Sentinels know, a Cluster. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Random } from '../../contracts/clock.js';
import type { RedisConfig } from '../../contracts/config.js';
import {
  REDIS_AGAIN_MS_MAX,
  REDIS_AGAIN_MS_MIN,
  REDIS_ANSWER_MS_MAX,
  REDIS_CONNECT_MS_MAX,
} from '../../contracts/limits.js';

/** Replies are as they always were. */
type Options = Omit<RedisOptions, 'replyMapping'>;

export type Connection = Redis | Cluster;

export interface Connections {
  readonly commands: Connection;
  /** The same for a Cluster, whose client keeps a connection of its own for what it listens to. */
  readonly listener: Connection;
}

/** Made, not yet connected. @throws Error when a file of certificates cannot be read */
export function connectionsOf(config: RedisConfig, random: Random): Connections {
  if (config.kind === 'cluster') {
    const cluster = connectionOf(config, random);
    return { commands: cluster, listener: cluster };
  }
  return { commands: connectionOf(config, random), listener: connectionOf(config, random) };
}

/** One of them, for commands. */
export const connectionOf = (config: RedisConfig, random: Random): Connection =>
  config.kind === 'cluster'
    ? clusterOf(config, random)
    : new Redis({ ...commonOf(config, random), ...placeOf(config, random) });

/** Nothing waits: a command without a connection fails at once, one without an answer soon, and none is sent twice. */
const commonOf = (config: RedisConfig, random: Random): Options => {
  const tls = tlsOf(config);
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    connectTimeout: REDIS_CONNECT_MS_MAX,
    commandTimeout: REDIS_ANSWER_MS_MAX,
    retryStrategy: againAfter(random),
    connectionName: 'godocker',
    db: config.database,
    ...(config.user === null ? {} : { username: config.user }),
    ...(config.password === null ? {} : { password: config.password }),
    ...(tls === undefined ? {} : { tls }),
  };
};

/** Which server it is. */
function placeOf(config: RedisConfig, random: Random): Options {
  const { addresses, masterName } = config;
  const [first] = addresses;
  if (masterName === null) return { ...first };
  const again = againAfter(random);
  const sentinelTLS = tlsOf(config);
  return {
    sentinels: addresses.map((address) => ({ ...address })),
    name: masterName,
    sentinelRetryStrategy: again,
    sentinelReconnectStrategy: again,
    sentinelCommandTimeout: REDIS_ANSWER_MS_MAX,
    // A master that was replaced may still answer.
    failoverDetector: true,
    ...(config.sentinelPassword === null ? {} : { sentinelPassword: config.sentinelPassword }),
    ...(sentinelTLS === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS }),
  };
}

function clusterOf(config: RedisConfig, random: Random): Cluster {
  const {
    db: _none,
    retryStrategy: _own,
    enableOfflineQueue: _ours,
    ...redisOptions
  } = commonOf(config, random);
  return new Cluster(
    config.addresses.map((address) => ({ ...address })),
    {
      redisOptions,
      lazyConnect: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: againAfter(random),
      // Its nodes name each other by address; certificates are checked against what was configured or announced.
      ...(config.tls === null ? {} : { dnsLookup: (address, found) => found(null, address) }),
    },
  );
}

/** Spreads the retries of many processes. */
const againAfter =
  (random: Random) =>
  (attempt: number): number => {
    const ceilingMs = Math.min(REDIS_AGAIN_MS_MAX, REDIS_AGAIN_MS_MIN * 2 ** Math.min(attempt, 16));
    return Math.round(ceilingMs * (0.5 + random() / 2));
  };

function tlsOf({ tls }: Pick<RedisConfig, 'tls'>): ConnectionOptions | undefined {
  if (tls === null) return undefined;
  return {
    ...(tls.ca === null ? {} : { ca: readFileSync(tls.ca) }),
    ...(tls.client === null
      ? {}
      : { cert: readFileSync(tls.client.certFile), key: readFileSync(tls.client.keyFile) }),
  };
}
