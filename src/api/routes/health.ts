/** For supervisors and monitoring: alive, ready, numbers. */
import { z } from 'zod';
import { content, json, type Route, route } from '../route.js';
import { shape } from '../schemas/answer.js';

const READY = shape({
  ready: z.boolean(),
  reasons: z.array(z.string()).meta({ description: 'Why work cannot go on.' }),
  warnings: z.array(z.string()).meta({ description: 'What an administrator should know.' }),
});

export const HEALTH_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/healthz',
    isAtRoot: true,
    tag: 'service',
    access: 'nobody-needed',
    summary: 'Tell whether the process is alive',
    answers: { 200: json(shape({ status: z.literal('ok'), version: z.string() })) },
    examples: [{ name: 'alive', answer: { status: 'ok' } }],
    handle: ({ deps }) => ({ status: 'ok', version: deps.version }),
  }),
  route({
    method: 'GET',
    path: '/readyz',
    isAtRoot: true,
    tag: 'service',
    access: 'nobody-needed',
    summary: 'Tell whether work goes on',
    answers: { 200: json(READY, 'It does.'), 503: json(READY, 'It does not.') },
    examples: [{ name: 'ready', answer: { ready: true, reasons: [] } }],
    handle({ context, deps }) {
      const reasons = deps.notReady();
      context.status = reasons.length === 0 ? 200 : 503;
      return { ready: reasons.length === 0, reasons, warnings: deps.warnings() };
    },
  }),
  route({
    method: 'GET',
    path: '/metrics',
    isAtRoot: true,
    tag: 'service',
    access: 'nobody-needed',
    summary: 'Show the numbers of the process',
    answers: { 200: content('text/plain', 'As Prometheus reads them.') },
    examples: [{ name: 'all numbers' }],
    async handle({ context, deps: { metrics } }) {
      context.body = await metrics.metrics();
      context.set('Content-Type', metrics.contentType);
    },
  }),
];
