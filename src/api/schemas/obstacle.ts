/** Why a job waits, as data: the obstacles of `core/obstacle.ts`, letter by letter. */
import { z } from 'zod';
import { DISK_QUOTA, QUOTA_NAMES } from '../../core/quota.js';
import { jobNumber, shape, whole } from './answer.js';

/** Instants of obstacles are in milliseconds: they are told as they are kept. */
const milliseconds = whole.meta({ description: 'Milliseconds since 1970.' });
const agents = whole.meta({ description: 'Agents that fail for this reason first.' });

const awaited = shape({
  id: jobNumber,
  state: z.enum(['pending', 'launching', 'running', 'killing', 'unreachable', 'open', 'over']),
  exitCode: whole.nullable(),
});

const waitsFor = { jobs: z.array(awaited), more: whole };

export const OBSTACLE = z
  .discriminatedUnion('code', [
    shape({
      code: z.literal('too-small'),
      resource: z.enum(['cpuMilli', 'memMb', 'gpus', 'ports']),
      agents,
      wanted: z.number(),
      best: z.number(),
    }),
    shape({
      code: z.literal('custom-too-small'),
      name: z.string(),
      agents,
      wanted: z.number(),
      best: z.number(),
    }),
    shape({ code: z.literal('constraint'), name: z.string(), value: z.string(), agents }),
    shape({ code: z.literal('reserved'), agents }),
    shape({ code: z.literal('failed-before'), agents }),
    shape({ code: z.literal('other-executor'), executor: z.string(), agents }),
    shape({ code: z.literal('maintenance'), agents, from: milliseconds }),
    shape({ code: z.literal('array-limit'), running: whole, limit: whole }),
    shape({
      code: z.literal('limit-reached'),
      scope: z.enum(['user', 'project', 'executor', 'queue', 'queue-user']),
      name: z.string(),
      limit: whole,
      running: whole,
    }),
    shape({
      code: z.literal('quota'),
      scope: z.enum(['user', 'project']),
      name: z.string(),
      quota: z.enum([...QUOTA_NAMES, DISK_QUOTA]),
      limit: z.number(),
      used: z.number(),
      held: z.number(),
      asked: z.number(),
    }),
    shape({ code: z.literal('dependency'), isAnyEnough: z.boolean(), ...waitsFor }),
    shape({ code: z.literal('turn'), name: z.string(), ...waitsFor }),
    shape({
      code: z.literal('held-back'),
      by: z.string(),
      isAdmin: z.boolean(),
      at: milliseconds,
    }),
    shape({ code: z.literal('not-before'), at: milliseconds }),
    shape({ code: z.literal('service-maintenance'), reason: z.string() }),
    shape({
      code: z.literal('drained'),
      agents,
      from: milliseconds,
      until: milliseconds.nullable(),
      reason: z.string(),
      by: z.string().optional(),
    }),
    shape({ code: z.literal('set-aside'), agents }),
    shape({ code: z.literal('reserved-for'), agents, until: milliseconds.nullable() }),
    shape({ code: z.literal('no-offers') }),
  ])
  .meta({ id: 'Obstacle' });
