/** Pages of other origins that the site names may call the API. Never with cookies or other credentials of the browser. */
import type { Context, Handler } from './context.js';

/** What a page may send; all that the API reads. */
const REQUEST_HEADERS = [
  ...['Authorization', 'Content-Type', 'Idempotency-Key', 'X-GoDocker-Act-For', 'X-Request-Id'],
  ...['If-Match', 'If-None-Match', 'If-Range', 'Range', 'Last-Event-ID'],
  ...['Traceparent', 'Tracestate'],
].join(', ');
/** What a page may read besides the few that every page may. */
const ANSWER_HEADERS = [
  ...['X-Request-Id', 'Retry-After', 'ETag', 'Accept-Ranges', 'Content-Range'],
  ...['Content-Disposition', 'WWW-Authenticate'],
].join(', ');
const METHODS = 'GET, HEAD, POST, PUT, DELETE';
/** For how long browsers remember it, in seconds: an origin that is taken off the list keeps it no longer. */
const REMEMBERED_SECONDS = '600';

/** @param origins as browsers send them, `https://portal.site`; empty: pages of other origins are told nothing */
export function crossOrigin(origins: readonly string[]): Handler {
  const known = new Set(origins);
  return async (context, next) => {
    if (known.size === 0 || !context.path.startsWith('/api/')) return next();
    // Also where no origin is told: what is kept between must not be taken for another's.
    context.vary('Origin');
    const origin = context.get('Origin');
    if (!known.has(origin)) return next();
    context.set('Access-Control-Allow-Origin', origin);
    if (isPreflight(context)) {
      context.vary('Access-Control-Request-Method');
      context.set('Access-Control-Allow-Methods', METHODS);
      context.set('Access-Control-Allow-Headers', REQUEST_HEADERS);
      context.set('Access-Control-Max-Age', REMEMBERED_SECONDS);
      context.status = 200;
      context.body = '';
      return;
    }
    context.set('Access-Control-Expose-Headers', ANSWER_HEADERS);
    await next();
  };
}

const isPreflight = (context: Context): boolean =>
  context.method === 'OPTIONS' && context.get('Access-Control-Request-Method') !== '';
