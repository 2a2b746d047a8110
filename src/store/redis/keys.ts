/** Names in Redis. All of an installation lie in one slot of a Cluster; several installations may share a server. */
import type { RedisConfig } from '../../contracts/config.js';

export const keysOf =
  ({ prefix }: Pick<RedisConfig, 'prefix'>, installation: string) =>
  (name: string): string =>
    `{${prefix}:${installation}}:${name}`;

/** Those that say that they live. */
export const PROCESSES = 'processes';
