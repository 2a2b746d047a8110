/** Whether Redis is of use to this process; only where one is configured. */
import { Gauge, type Registry } from 'prom-client';

/** @param isOpen whether messages of ours come back from it */
export function redisMetrics(metrics: Registry, isOpen: () => boolean): void {
  new Gauge({
    name: 'godocker_redis_open',
    help: '1 while messages to other processes go through Redis; where one is configured',
    registers: [metrics],
    collect() {
      this.set(Number(isOpen()));
    },
  });
}
