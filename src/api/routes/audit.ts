/** The audit log, for administrators: entries in order of number, page by page. */
import { z } from 'zod';
import type { AuditQuery } from '../../contracts/audit.js';
import { seqOf } from '../../core/audit-chain.js';
import { type Instant, instant } from '../../core/units.js';
import { actsOf, auditToWire, subjectOf } from '../audit-wire.js';
import { count, text, wire } from '../fields.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { shape, whole } from '../schemas/answer.js';

/** Entries of one page; a client that asks for more gets so many. */
const AUDIT_PAGE_MAX = 500;
const AUDIT_PAGE_USUAL = 100;

const dateText = text(
  (value) => /^\d{4}-\d\d-\d\d/.test(value) && !Number.isNaN(Date.parse(value)),
  'must be a date as in 2026-11-21 or 2026-11-21T08:00:00Z',
)
  .transform((value): Instant => instant(Date.parse(value)))
  .meta(wire({ type: 'string' }));

const QUERY = {
  after: count.optional().describe('Entries behind this number. Without: from the first one.'),
  limit: count.optional().describe(`Entries of the page, at most ${AUDIT_PAGE_MAX}.`),
  actor: z.string().optional().describe('Login of who acted; `system` for the service itself.'),
  act: z.string().optional().describe('An act, or a group of acts such as `session`.'),
  subject: z
    .string()
    .optional()
    .describe('`KIND:ID` or `KIND` of what it was about, as in `user:alice`.'),
  from: dateText.optional().describe('At this time or later.'),
  to: dateText.optional().describe('Before this time.'),
};

const orNone = z.string().nullable();
const HASH = z.string().regex(/^[0-9a-f]{64}$/);
const ENTRY = shape({
  number: whole.min(1),
  at: z.string().meta({ description: 'UTC, ISO 8601.' }),
  act: z.string(),
  outcome: z.enum(['done', 'refused', 'failed']),
  count: whole.min(1).meta({ description: 'So many alike, told together.' }),
  actor: orNone,
  acting_for: orNone,
  via: z.string(),
  key_id: orNone,
  request_id: orNone,
  remote: orNone,
  subject: shape({ kind: z.string(), id: orNone }).nullable(),
  facts: z.record(z.string(), z.unknown()),
  erased: z.array(z.string()).meta({ description: 'Fields whose values were erased.' }),
  previous: HASH,
  hash: HASH,
});
const DAMAGED = shape({ number: whole.min(1), damage: z.string() });
const PAGE = shape({
  entries: z.array(z.union([ENTRY, DAMAGED])),
  next: whole.nullable().meta({ description: 'For `after` of the next page; null: that was all.' }),
  head: shape({ number: whole.min(1), hash: HASH })
    .nullable()
    .meta({
      description: 'The newest entry: note it elsewhere to find out whether the end was cut.',
    }),
});

export const AUDIT_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/audit',
    tag: 'service',
    access: 'admin',
    summary: 'Read the audit log',
    description:
      'Administrative and security acts in one chain; what users do to their own jobs is not in it.',
    query: QUERY,
    answers: { 200: json(PAGE, 'Entries, the oldest first.') },
    examples: [
      { name: 'the first ones', query: { limit: 10 } },
      { name: 'sign-ins of a user', query: { act: 'session', subject: 'user:alice' } },
      {
        name: 'a date that is none',
        query: { from: 'yesterday' },
        status: 400,
        answer: { code: 'bad-field', field: 'from' },
      },
    ],
    handle: page,
  }),
];

async function page({ deps: { store }, query }: Call<'admin', None, typeof QUERY>) {
  const limit = Math.max(1, Math.min(query.limit ?? AUDIT_PAGE_USUAL, AUDIT_PAGE_MAX));
  const { actor, act, subject, from, to } = query;
  const asked: AuditQuery = {
    ...{ after: query.after ?? 0, limit },
    ...(actor === undefined ? {} : { actor }),
    ...(act === undefined ? {} : { acts: actsOf(act) }),
    ...(subject === undefined ? {} : { subject: subjectOf(subject) }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
  const [records, head] = await Promise.all([store.auditPage(asked), store.auditHead()]);
  const last = records.at(-1);
  return {
    entries: records.map(auditToWire),
    next: last === undefined || records.length < limit ? null : seqOf(last),
    head: head === undefined ? null : { number: head.seq, hash: head.hash },
  };
}
