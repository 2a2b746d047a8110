/** Where processes of an installation tell that they live, and how this one does. */
import { hostname } from 'node:os';
import type { Live } from '../contracts/live.js';
import type { Presence, ProcessCard } from '../contracts/presence.js';
import { Herald } from '../daemon/herald.js';
import { StorePresence } from '../daemon/store-presence.js';
import { systemClock, systemRandom, systemTimers } from '../host/system.js';
import { type Foundation, INSTALLATION, loaded } from './foundation.js';
import { version } from './version.js';

type Parts = Pick<Foundation, 'config' | 'store' | 'shared' | 'log'>;

/** The registries of the configuration, by name; the store is always one. @throws BadPlugins */
export async function registriesOf(parts: Parts): Promise<Readonly<Record<string, Presence>>> {
  const { status } = parts.config.monitoring;
  return {
    store: new StorePresence({ store: parts.store, clock: systemClock }),
    ...(status === null ? {} : { [status]: await loaded(parts, 'status', status) }),
  };
}

/** Those that `godocker status` asks: Redis too, where there is one. @throws BadPlugins, ServiceError */
export async function registriesToAsk(
  parts: Parts,
): Promise<Readonly<Record<string, Pick<Presence, 'present'>>>> {
  const { config, store } = parts;
  const registries = await registriesOf(parts);
  const installation = config.redis === null ? undefined : await store.setting(INSTALLATION);
  // Nobody of an installation without a name has told anything.
  if (config.redis === null || installation === undefined) return registries;
  const { RedisLook } = await import('../store/redis/presence.js');
  const redis = new RedisLook({ config: config.redis, installation, random: systemRandom });
  return { ...registries, redis };
}

/** Tells of this process until it stops: in the registries, and in Redis where there is one. */
export async function tellPresence(
  foundation: Foundation,
  live: Live,
  { role, url }: Pick<ProcessCard, 'role' | 'url'>,
): Promise<void> {
  const host = hostname();
  const card: ProcessCard = {
    // Pids are used again, and machines may share a name: the time tells them apart.
    name: `${role}-${host}-${process.pid}-${systemClock.now().toString(36)}`,
    role,
    host,
    pid: process.pid,
    version: version(),
    startedAt: systemClock.now(),
    url,
  };
  const log = foundation.log.with({ part: 'presence' });
  const registries = {
    ...(await registriesOf(foundation)),
    ...(live.presence === null ? {} : { redis: live.presence }),
  };
  const herald = new Herald({ timers: systemTimers, log }, card, registries);
  herald.start();
  foundation.stack.push('presence', () => herald.stop());
}
