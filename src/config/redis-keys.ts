/** Keys of Redis: where it answers, and who we are there. */
import { readFileSync } from 'node:fs';
import type { RedisConfig } from '../contracts/config.js';
import type { Reader } from '../contracts/reader.js';
import { flag, integer, optional, text, words } from './keys.js';
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
  'redis.password': optional('none', 'The password.'),
  'redis.password_file': optional('none', 'A file that holds it.', 'path'),
  'redis.sentinel_password_file': optional('none', 'A file with that of the Sentinels.', 'path'),
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

/** The Redis that the keys name, or null; problems go into the reader. */
export function redisOf(values: Values, reader?: Reader): RedisConfig | null {
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
    password: values['redis.password'] ?? secretIn(values, 'redis.password_file', reader),
    sentinelPassword: secretIn(values, 'redis.sentinel_password_file', reader),
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
  if (values['redis.password'] !== null && values['redis.password_file'] !== null)
    reader.problem(
      'redis.password_file',
      values['redis.password_file'],
      'either redis.password or redis.password_file',
    );
  const tls = values['redis.tls.cert'] === null ? 'redis.tls.cert' : 'redis.tls.key';
  if ((values['redis.tls.cert'] === null) !== (values['redis.tls.key'] === null))
    reader.problem(tls, undefined, 'both redis.tls.cert and redis.tls.key, or neither');
  for (const path of ['redis.tls.ca', 'redis.tls.cert', 'redis.tls.key'] as const)
    if (values['redis.tls.enabled']) readIn(values[path], path, reader);
  // For the problems with its files.
  redisOf(values, reader);
}

function addressIn(text: string, usualPort: number): Address | undefined {
  const { six, host, port } = ADDRESS.exec(text.trim())?.groups ?? {};
  const name = six ?? host;
  const number = port === undefined ? usualPort : Number(port);
  if (name === undefined || number < 1 || number > 65_535) return undefined;
  return { host: name, port: number };
}

const secretIn = (
  values: Values,
  path: 'redis.password_file' | 'redis.sentinel_password_file',
  reader: Reader | undefined,
): string | null => readIn(values[path], path, reader)?.trim() ?? null;

function readIn(file: string | null, path: string, reader: Reader | undefined): string | null {
  if (file === null) return null;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const found = (error as NodeJS.ErrnoException).code ?? String(error);
    reader?.problem(path, `${file}: ${found}`, 'a file that can be read');
    return null;
  }
}
