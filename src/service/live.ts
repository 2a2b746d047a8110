/** The live state that the configuration names, and what the parts of a process take from it. */
import { randomUUID } from 'node:crypto';
import type { Live } from '../contracts/live.js';
import type { Notices } from '../contracts/notices.js';
import type { JobId } from '../core/units.js';
import { systemRandom, systemTimers } from '../host/system.js';
import { LocalLive } from '../store/live/local-live.js';
import type { Foundation } from './foundation.js';
import { redisMetrics } from './metrics/redis.js';

/** Ends with the process. Nothing waits for Redis: if it is away, that is a warning. */
export async function openLive(foundation: Foundation): Promise<Live> {
  const { config, store, stack, installation, metrics, log } = foundation;
  const timers = systemTimers;
  const changes = isAlone(foundation) ? null : store;
  const local = new LocalLive({ changes, timers, epoch: randomUUID() });
  const { redis } = config;
  if (redis === null) {
    stack.push('live state', () => local.close());
    return local;
  }
  const { RedisLive } = await import('../store/redis/live.js');
  const live = new RedisLive({
    ...{ config: redis, installation, local, timers, random: systemRandom },
    log: log.with({ part: 'redis' }),
  });
  stack.push('live state', () => live.close());
  redisMetrics(metrics, () => live.isOpen);
  return live;
}

/** No other process can be on this record. A database may have others on other machines. */
export const isAlone = ({ home, config }: Pick<Foundation, 'home' | 'config'>): boolean =>
  home.tenancy === 'alone' && config.store.kind === 'embedded';

/** What a web process tells after its writes: to the leader what is to be done, to whoever looks at jobs which they are. */
export function noticesTo({ tell, news }: Live): Notices {
  const note = (ids: readonly JobId[]) =>
    news.publish(ids.map((jobId) => ({ jobId, version: null })));
  return {
    submitted: (ids) => {
      tell.submitted(ids);
      note(ids);
    },
    killWanted: (id) => {
      tell.killWanted(id);
      note([id]);
    },
    holdChanged: (id) => {
      tell.holdChanged(id);
      note([id]);
    },
    wished: () => tell.wished(),
    agentsChanged: () => tell.agentsChanged(),
  };
}
