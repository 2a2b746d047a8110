/** Limits and queues as the parts use them, and what must hold between their keys. */
import type { LimitsConfig } from '../contracts/config.js';
import type { Reader } from '../contracts/reader.js';
import { isTimeZone } from '../core/quota-period.js';
import { type Values, WINDOW_DAYS } from './schema.js';

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
  };
}

export function checkLimits(values: Values, reader: Reader): void {
  const zone = values['quotas.time_zone'];
  if (!isTimeZone(zone))
    reader.problem('quotas.time_zone', zone, 'a time zone such as Europe/Paris');
  if (values['quotas.period'] === 'month' && values['quotas.days'] !== null)
    reader.problem('quotas.days', values['quotas.days'], 'quotas.period: window, or no days');
  for (const [index, { executor }] of values.queues.entries())
    if (executor !== null && !values.executors.includes(executor))
      reader.problem(
        `queues[${index}].executor`,
        executor,
        `one of executors: ${values.executors.join(', ')}`,
      );
}
