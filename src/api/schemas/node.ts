/** Nodes as clients see them, and what administrators send about one. */
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import { DRAIN_REASON_CHARS_MAX } from '../../contracts/limits.js';
import { type Instant, instant } from '../../core/units.js';
import { text, wire } from '../fields.js';
import { epochSeconds, gigabytes, jobNumber, shape, whole } from './answer.js';

const amounts = shape({
  cpu: z.number(),
  ram: gigabytes,
  gpus: z.number(),
  ports: z.number(),
  custom: z.record(z.string(), z.number()),
});

export const NODE = shape({
  name: z.string(),
  executor: z.string(),
  state: z.enum([
    ...(['open', 'drain-planned', 'draining', 'drained', 'set-aside', 'probation'] as const),
    'away',
  ]),
  jobs: whole.meta({ description: 'Jobs that hold a task there, or may.' }),
  total: amounts.nullable().meta({ description: 'Null: its cluster has not told.' }),
  used: amounts,
  free: amounts.nullable(),
  attributes: z.record(z.string(), z.string()),
  drain: shape({
    reason: z.string(),
    from: epochSeconds,
    until: epochSeconds.nullable(),
    by: z.string(),
    date: epochSeconds,
  }).nullable(),
  set_aside: shape({
    date: epochSeconds,
    probe_from: epochSeconds,
    strikes: whole,
    evidence: z
      .array(shape({ job: jobNumber, user: z.string(), date: epochSeconds, how: z.string() }))
      .optional()
      .meta({ description: 'For administrators.' }),
  }).nullable(),
}).meta({ id: 'Node' });

/** What a change of a node answers. */
export const told = (msg: string) => shape({ msg: z.literal(msg), node: NODE.optional() });

/** Null and absent: the one that has an agent of this name. */
export const EXECUTOR = text((value) => value !== '', 'must be the name of an executor')
  .meta(wire({ type: 'string', minLength: 1 }))
  .nullish();

/** The last instant that a date can hold. */
const INSTANT_MAX = 8.64e15;
const TIME_SAYS = 'must be seconds since 1970, or a date with its zone as in 2026-11-21T18:00:00Z';

const msOf = (value: string | number): number => {
  if (typeof value === 'number') return value * 1_000;
  return /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/.test(value) ? Date.parse(value) : Number.NaN;
};

/** Seconds since 1970 or a date with its zone. */
const time = z
  .union([z.number(), z.string()], { error: TIME_SAYS })
  .refine((value) => msOf(value) >= 0 && msOf(value) <= INSTANT_MAX, { error: TIME_SAYS })
  .transform((value) => instant(Math.round(msOf(value))))
  .nullish();

const reason = text((value) => value.trim() !== '', 'must say why, for the users whose jobs wait')
  .refine((value) => [...value].length <= DRAIN_REASON_CHARS_MAX, {
    error: `may have at most ${DRAIN_REASON_CHARS_MAX} characters`,
  })
  .transform((value) => value.trim())
  .meta(wire({ type: 'string', minLength: 1, maxLength: DRAIN_REASON_CHARS_MAX }));

const FIELDS = {
  reason,
  at: time.describe('Now if absent.'),
  until: time.describe('Until told if absent.'),
  executor: EXECUTOR,
};

/** No other keys: who misspells `until` would drain a node for good. */
export const DRAIN = z
  .looseObject(FIELDS, { error: 'must be an object' })
  .superRefine((body, context) => {
    for (const field of Object.keys(body))
      if (!Object.hasOwn(FIELDS, field))
        context.addIssue({
          code: 'custom',
          path: [field],
          message: `${field} is not a field of a drain`,
          params: { code: 'unknown-field', isSentence: true },
        });
  })
  .meta({ additionalProperties: false });

export interface DrainAsked {
  readonly reason: string;
  readonly from: Instant;
  readonly until: Instant | null;
  readonly executor: string | null;
}

/** @throws ServiceError `bad-field`: it would be over before it began */
export function drainAsked(body: z.output<typeof DRAIN>, now: Instant): DrainAsked {
  const from = body.at ?? now;
  const until = body.until ?? null;
  if (until !== null && until <= Math.max(from, now))
    throw new ServiceError(
      'bad-field',
      'until must be later than now and than the begin of the drain',
      { field: 'until' },
    );
  return { reason: body.reason, from, until, executor: body.executor ?? null };
}
