/** For supervisors and monitoring: alive, ready, numbers. */
import Router from '@koa/router';
import type { State } from '../context.js';
import type { ApiDeps } from '../deps.js';

export function healthRoutes({ notReady, warnings, metrics, version }: ApiDeps): Router<State> {
  const router = new Router<State>();

  router.get('/healthz', (context) => {
    context.body = { status: 'ok', version };
  });

  router.get('/readyz', (context) => {
    const reasons = notReady();
    context.status = reasons.length === 0 ? 200 : 503;
    context.body = { ready: reasons.length === 0, reasons, warnings: warnings() };
  });

  router.get('/metrics', async (context) => {
    context.body = await metrics.metrics();
    context.set('Content-Type', metrics.contentType);
  });

  return router;
}
