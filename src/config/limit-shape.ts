/** Limits and queues as the parts use them, and what must hold between their keys. */
import type { LimitsConfig } from '../contracts/config.js';
import { DISK_LOOK_EACH_MS } from '../contracts/limits.js';
import type { Reader } from '../contracts/reader.js';
import { BYTES_PER_GB } from '../core/disk-book.js';
import { isTimeZone } from '../core/quota-period.js';
import { WINDOW_DAYS } from './fair-share-keys.js';
import type { Values } from './schema.js';

export function limitsOf(values: Values): LimitsConfig {
  const days = values['quotas.days'] ?? values.user_reset_usage_duration ?? WINDOW_DAYS;
  return {
    rate: { user: values.rate_limit, all: values.rate_limit_all },
    running: {
      user: values['max_running.user'],
      project: values['max_running.project'],
      executor: values['max_running.executor'],
    },
    period:
      values['quotas.period'] === 'month'
        ? { kind: 'month', timeZone: values['quotas.time_zone'] }
        : { kind: 'window', days },
    queues: values.queues,
    diskGbUsual:
      values.disk_default_quota === null ? null : values.disk_default_quota / BYTES_PER_GB,
    diskRunningEachMs: values['disk.measure_every'],
  };
}

export function checkLimits(values: Values, reader: Reader): void {
  const zone = values['quotas.time_zone'];
  if (!isTimeZone(zone))
    reader.problem('quotas.time_zone', zone, 'a time zone such as Europe/Paris');
  if (values['quotas.period'] === 'month' && values['quotas.days'] !== null)
    reader.problem('quotas.days', values['quotas.days'], 'quotas.period: window, or no days');
  const everyMs = values['disk.measure_every'];
  if (everyMs < DISK_LOOK_EACH_MS)
    reader.problem('disk.measure_every', everyMs / 1_000, 'at least 5 seconds');
  for (const [index, { executor }] of values.queues.entries())
    if (executor !== null && !values.executors.includes(executor))
      reader.problem(
        `queues[${index}].executor`,
        executor,
        `one of executors: ${values.executors.join(', ')}`,
      );
}
