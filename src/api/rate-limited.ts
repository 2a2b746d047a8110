/** The answer to a submission that a rate limit refuses: all numbers, what is there, asked for and allowed. */
import { ServiceError } from '../contracts/errors.js';
import type { Limited } from '../contracts/store.js';

export function rateLimited({ scope, limit, now, asked }: Limited): ServiceError {
  const whose = scope === 'user' ? 'you have' : 'all users together have';
  const what = scope === 'user' ? 'waiting and running' : 'waiting';
  const more = asked === 1 ? '' : `, this asks for ${asked} more`;
  return new ServiceError(
    'rate-limited',
    `rate limit reached: ${whose} ${now} jobs ${what}${more}, and at most ${limit} are allowed`,
    { limit: scope === 'user' ? 'rate_limit' : 'rate_limit_all', max: limit, now, asked },
  );
}
