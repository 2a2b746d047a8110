/** Counts and times requests for /metrics, by route pattern: never by path, which users make up. */
import { Counter, Histogram } from 'prom-client';
import type { Handler } from './context.js';
import type { ApiDeps } from './deps.js';

export function measure({ metrics, clock }: Pick<ApiDeps, 'metrics' | 'clock'>): Handler {
  const labelNames = ['method', 'route', 'status'] as const;
  const requests = new Counter({
    name: 'godocker_http_requests_total',
    help: 'Requests answered',
    labelNames,
    registers: [metrics],
  });
  const durations = new Histogram({
    name: 'godocker_http_request_seconds',
    help: 'Time until the answer began',
    labelNames,
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [metrics],
  });
  return async (context, next) => {
    const startMs = clock.monotonicMs();
    await next();
    const method = METHODS.has(context.method) ? context.method : 'other';
    const matched: unknown = context.routerPath ?? context._matchedRoute;
    const route = typeof matched === 'string' ? matched : 'none';
    const { status } = context;
    requests.inc({ method, route, status });
    durations.observe({ method, route, status }, (clock.monotonicMs() - startMs) / 1000);
  };
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);
