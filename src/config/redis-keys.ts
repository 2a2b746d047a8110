/** Keys of Redis: where it answers, and who we are there. */
import { readFileSync } from 'node:fs';
import type { RedisConfig } from '../contracts/config.js';
import type { Reader } from '../contracts/reader.js';
import { flag, integer, optional, secret, text, words } from './keys.js';
import type { Values } from './schema.js';

const USUAL_PORT = 6_379;

export const REDIS = {
  'redis.host': words(
    [],
    'Where Redis answers: a host, `host:port`, or several of them for Sentinels and Clusters. Left out: processes hear of each other through the store.',
  ),
  'redis.port': integer(
    USUAL_PORT,
    { min: 1, max: 65_535 },
    'Port of the hosts that name none; Sentinels usually have 26379.',
  ),
  'redis.db': integer(0, { min: 0, max: 65_535 }, 'Number of the database; a Cluster has only 0.'),
  'redis.prefix': text('god', 'Before every key and channel of ours.'),
  'redis.sentinel': optional(
    'none: `redis.host` is Redis itself',
    'Name of the master that the Sentinels at `redis.host` watch.',
  ),
  'redis.cluster': flag(false, '`redis.host` names nodes of a Cluster.'),
  'redis.user': optional('the default user', 'Whom we log in as.'),
  ...secret('redis.password', 'none', 'The password.'),
  ...secret('redis.sentinel_password', 'none', 'The password of the Sentinels.'),
  'redis.tls.enabled': flag(false, 'Speak TLS with Redis, and with its Sentinels.'),
  'redis.tls.ca': optional(
    "the system's",
    'Authorities that its certificates must come from, PEM.',
    'path',
  ),
  'redis.tls.cert': optional('none', 'Certificate of ours, for servers that ask for one.', 'path'),
  'redis.tls.key': optional('none', 'Its private key.', 'path'),
};

const ADDRESS = /^(?:\[(?<six>[\da-fA-F:.]+)\]|(?<host>[\w.-]+))(?::(?<port>\d{1,5}))?$/;
/** No braces: they would choose the slot in a Cluster. No spaces: cursors have none. */
const PREFIX = /^[\w.:-]{1,64}$/;

type Address = RedisConfig['addresses'][number];

/** The Redis that the keys name, or null. */
export function redisOf(values: Values): RedisConfig | null {
  const addresses = values['redis.host']
    .map((text) => addressIn(text, values['redis.port']))
    .filter((address) => address !== undefined);
  if (addresses.length === 0) return null;
  const masterName = values['redis.sentinel'];
  const certFile = values['redis.tls.cert'];
  const keyFile = values['redis.tls.key'];
  return {
    kind: values['redis.cluster'] ? 'cluster' : masterName === null ? 'single' : 'sentinel',
    addresses,
    masterName,
    database: values['redis.db'],
    prefix: values['redis.prefix'],
    user: values['redis.user'],
    password: values['redis.password'],
    sentinelPassword: values['redis.sentinel_password'],
    tls: values['redis.tls.enabled']
      ? {
          ca: values['redis.tls.ca'],
          client: certFile !== null && keyFile !== null ? { certFile, keyFile } : null,
        }
      : null,
  };
}

export function checkRedis(values: Values, reader: Reader): void {
  const hosts = values['redis.host'];
  const masterName = values['redis.sentinel'];
  const isCluster = values['redis.cluster'];
  for (const host of hosts)
    if (addressIn(host, values['redis.port']) === undefined)
      // As an address of other programs it may hold a password.
      reader.problem(
        'redis.host',
        host.replace(/^.*@/, '…@'),
        'hosts as in redis1, redis1:6379 or [::1]:6379',
      );
  if (hosts.length > 1 && masterName === null && !isCluster)
    reader.problem(
      'redis.host',
      hosts.join(','),
      'one server; several with redis.sentinel or redis.cluster',
    );
  if (masterName !== null && isCluster)
    reader.problem('redis.sentinel', masterName, 'either redis.sentinel or redis.cluster');
  if (isCluster && values['redis.db'] !== 0)
    reader.problem('redis.db', values['redis.db'], '0, because of redis.cluster');
  if (!PREFIX.test(values['redis.prefix']))
    reader.problem(
      'redis.prefix',
      values['redis.prefix'],
      'up to 64 letters, digits, dots, colons, dashes and underscores',
    );
  const tls = values['redis.tls.cert'] === null ? 'redis.tls.cert' : 'redis.tls.key';
  if ((values['redis.tls.cert'] === null) !== (values['redis.tls.key'] === null))
    reader.problem(tls, undefined, 'both redis.tls.cert and redis.tls.key, or neither');
  for (const path of ['redis.tls.ca', 'redis.tls.cert', 'redis.tls.key'] as const)
    if (values['redis.tls.enabled']) requireReadable(values[path], path, reader);
}

function addressIn(text: string, usualPort: number): Address | undefined {
  const { six, host, port } = ADDRESS.exec(text.trim())?.groups ?? {};
  const name = six ?? host;
  const number = port === undefined ? usualPort : Number(port);
  if (name === undefined || number < 1 || number > 65_535) return undefined;
  return { host: name, port: number };
}

function requireReadable(file: string | null, path: string, reader: Reader): void {
  if (file === null) return;
  try {
    readFileSync(file);
  } catch (error) {
    const found = (error as NodeJS.ErrnoException).code ?? String(error);
    reader.problem(path, `${file}: ${found}`, 'a file that can be read');
  }
}
