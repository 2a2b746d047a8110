/** Every request has an id, in its answer and in each line of the log about it: the caller's own, if it is sane. */
import type { Handler } from './context.js';
import type { ApiDeps } from './deps.js';

export const REQUEST_ID_HEADER = 'X-Request-Id';
/** It stands in logs and headers: no spaces, no line ends, no page of text. */
const SANE = /^[A-Za-z0-9][\w.:@/+=-]{0,127}$/;

export function requestIds({
  clock,
  log,
  randomBytes,
}: Pick<ApiDeps, 'clock' | 'log' | 'randomBytes'>): Handler {
  return async (context, next) => {
    const given = context.get(REQUEST_ID_HEADER);
    const requestId = SANE.test(given) ? given : Buffer.from(randomBytes(8)).toString('hex');
    context.state.requestId = requestId;
    context.set(REQUEST_ID_HEADER, requestId);
    const startMs = clock.monotonicMs();
    await next();
    const { method, path, status } = context;
    const tookMs = Math.round(clock.monotonicMs() - startMs);
    log.debug('request answered', { requestId, method, path: path.slice(0, 200), status, tookMs });
  };
}
