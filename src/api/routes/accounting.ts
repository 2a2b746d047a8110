/** What was used and what it costs: for administrators; of a job, for its owner as well. Days, months and dates are in UTC. */
import { z } from 'zod';
import {
  type AccountingRecord,
  type AccountingSum,
  accountedBy,
} from '../../contracts/accounting.js';
import { billCsv, billDocument, billQuery } from '../../contracts/bill.js';
import { ServiceError } from '../../contracts/errors.js';
import { billOf } from '../../core/bill.js';
import { instant, projectId } from '../../core/units.js';
import { DAY_MS, dayOf } from '../../core/usage.js';
import { JOB_ID, text, wire } from '../fields.js';
import { type Call, content, json, type None, type Route, route } from '../route.js';
import { jobNumber, seconds, shape, whole } from '../schemas/answer.js';

/** Of one answer: a leap year. */
const DAYS_MAX = 366;

const SUM = shape({
  date: z.iso.date().meta({ description: 'Day (UTC), or the first of a month.' }),
  project: z.string(),
  owner: z.string(),
  queue: z.string().nullable(),
  executor: z.string(),
  charged: z.boolean(),
  launches: whole,
  run_seconds: seconds,
  wait_seconds: seconds,
  cpu_seconds: seconds,
  gpu_seconds: seconds,
  mem_mb_seconds: z.number(),
});

const time = z.iso.datetime().nullable();
const RECORD = shape({
  job: jobNumber,
  launch: whole,
  owner: z.string(),
  project: z.string(),
  queue: z.string().nullable(),
  executor: z.string(),
  node: z.string(),
  image: z.string(),
  asked: shape({ cpu: z.number(), mem_mb: z.number(), gpus: whole }),
  allocated: shape({ cpu_seconds: seconds, gpu_seconds: seconds, mem_mb_seconds: z.number() }),
  measured: shape({ cpu_seconds: seconds, mem_mb_max: z.number() }).nullable(),
  wait_seconds: seconds,
  run_seconds: seconds,
  outcome: shape({
    kind: z.enum(['exited', 'killed', 'gaveUp', 'unknown', 'fault', 'refused']),
    exitcode: whole.nullable(),
    reason: z.string().nullable(),
  }),
  charged: z.boolean(),
  submitted: time,
  placed: time,
  started: time,
  ended: time,
}).meta({ id: 'LaunchRecord' });

const BILL = shape({
  month: z.string(),
  currency: z.string(),
  lines: z.array(
    shape({
      project: z.string(),
      queue: z.string().nullable(),
      launches: whole,
      cpu_hours: z.number(),
      mem_gb_hours: z.number(),
      gpu_hours: z.number(),
      amount: z.number(),
    }),
  ),
  total: z.number(),
});

const day = text((value) => isDay(value), 'wanted a day as in 2026-11-21')
  .transform((value) => dayOf(instant(Date.parse(`${value}T00:00:00Z`))))
  .meta(wire({ type: 'string', format: 'date' }));
const word = <Word extends string>(...words: readonly [Word, ...Word[]]) =>
  z.enum(words, { error: `wanted ${words.join(' or ')}` }).optional();

const SUMS_QUERY = {
  from: day.describe('The first day (UTC).'),
  until: day.describe('The day after the last.'),
  by: word('day', 'month'),
  project: z.string().optional(),
};
const MONTH = {
  month: text(
    (value) => /^\d{4}-(0[1-9]|1[0-2])$/.test(value),
    'wanted a month as in 2026-11',
  ).meta(wire({ type: 'string', pattern: '^\\d{4}-(0[1-9]|1[0-2])$' })),
};
const BILL_QUERY = { format: word('json', 'csv'), project: z.string().optional() };

export const ACCOUNTING_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/task/:id/accounting',
    tag: 'accounting',
    access: 'own-job',
    summary: "Show what a job's launches used",
    params: JOB_ID,
    answers: { 200: json(z.array(RECORD), 'A record for each launch that has ended.') },
    examples: [{ name: 'a job that is over', params: { id: 3 } }],
    handle: async ({ deps, job }) => (await deps.store.accountOf(job.id)).map(recordToWire),
  }),
  route({
    method: 'GET',
    path: '/accounting',
    tag: 'accounting',
    access: 'admin',
    summary: 'Add up what everybody used',
    description: `At most ${DAYS_MAX} days. Days, months and dates are in UTC.`,
    query: SUMS_QUERY,
    answers: {
      200: json(
        shape({
          from: z.iso.date(),
          until: z.iso.date(),
          by: z.enum(['day', 'month']),
          sums: z.array(SUM),
        }),
        'By day or month, project, owner, queue and executor.',
      ),
    },
    examples: [
      {
        name: 'a month',
        query: { from: '2026-11-01', until: '2026-12-01', by: 'month' },
        answer: { from: '2026-11-01', by: 'month' },
      },
    ],
    handle: sums,
  }),
  route({
    method: 'GET',
    path: '/bill/:month',
    tag: 'accounting',
    access: 'admin',
    summary: 'See the bill of a month',
    params: MONTH,
    query: BILL_QUERY,
    answers: {
      200: [
        json(BILL, 'By project and queue, at the prices of the configuration.'),
        content('text/csv', 'The same for spreadsheets, without the total.'),
      ],
    },
    examples: [
      { name: 'as JSON', params: { month: '2026-11' }, answer: { month: '2026-11' } },
      { name: 'as CSV', params: { month: '2026-11' }, query: { format: 'csv' } },
    ],
    handle: bill,
  }),
];

async function sums({ deps, query }: Call<'admin', None, typeof SUMS_QUERY>) {
  const { from, until, by = 'day' } = query;
  if (until <= from || until - from > DAYS_MAX)
    throw new ServiceError(
      'bad-field',
      `until: wanted a day after from, and at most ${DAYS_MAX} days later`,
      { field: 'until' },
    );
  const found = await deps.store.accountSums({ from, until, ...projectAsked(query) });
  const told = by === 'month' ? byMonth(found) : found;
  return { from: dateOf(from), until: dateOf(until), by, sums: told.map(sumToWire) };
}

async function bill({
  context,
  deps,
  params: { month },
  query,
}: Call<'admin', typeof MONTH, typeof BILL_QUERY>) {
  const asked = billQuery(month, projectAsked(query).project);
  const made = billOf(await deps.store.accountSums(asked), deps.config.prices);
  if (query.format !== 'csv') return billDocument(month, made);
  context.attachment(`bill-${month}.csv`);
  context.type = 'text/csv; charset=utf-8';
  return billCsv(month, made);
}

const projectAsked = ({ project }: { readonly project: string | undefined }) =>
  project === undefined ? {} : { project: projectId(project) };

/** A day that is one: no 30th of February. */
function isDay(value: string): boolean {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(value) ? Date.parse(`${value}T00:00:00Z`) : Number.NaN;
  return Number.isFinite(at) && dateOf(dayOf(instant(at))) === value;
}

const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** In the order of the days they come in. */
function byMonth(sums: readonly AccountingSum[]): readonly AccountingSum[] {
  const months = new Map<string, AccountingSum>();
  for (const sum of sums) {
    const first = new Date(sum.day * DAY_MS).setUTCDate(1);
    const day = dayOf(instant(first));
    const { project, owner, queue, executor, isCharged } = sum;
    const key = JSON.stringify([day, project, owner, queue, executor, isCharged]);
    const before = months.get(key);
    months.set(key, before === undefined ? { ...sum, day } : plus(before, sum));
  }
  return [...months.values()];
}

const plus = (a: AccountingSum, b: AccountingSum): AccountingSum => ({
  ...a,
  ...accountedBy((field) => a[field] + b[field]),
});

const secondsOf = (ms: number): number => ms / 1_000;

const sumToWire = (sum: AccountingSum) => ({
  date: dateOf(sum.day),
  ...{ project: sum.project, owner: sum.owner, queue: sum.queue, executor: sum.executor },
  charged: sum.isCharged,
  launches: sum.launches,
  run_seconds: secondsOf(sum.ranMs),
  wait_seconds: secondsOf(sum.waitedMs),
  cpu_seconds: secondsOf(sum.cpuMs),
  gpu_seconds: secondsOf(sum.gpuMs),
  mem_mb_seconds: sum.memMbSeconds,
});

const isoOf = (at: number | null): string | null =>
  at === null ? null : new Date(at).toISOString();

function recordToWire(record: AccountingRecord) {
  const { asked, allocated, measured, outcome } = record;
  return {
    job: record.jobId,
    ...{ launch: record.launch, owner: record.owner, project: record.project },
    ...{ queue: record.queue, executor: record.executor, node: record.host, image: record.image },
    asked: { cpu: asked.cpuMilli / 1_000, mem_mb: asked.memMb, gpus: asked.gpus },
    allocated: {
      cpu_seconds: secondsOf(allocated.cpuMs),
      gpu_seconds: secondsOf(allocated.gpuMs),
      mem_mb_seconds: allocated.memMbSeconds,
    },
    measured:
      measured === null
        ? null
        : { cpu_seconds: secondsOf(measured.cpuMs), mem_mb_max: measured.memMbMax },
    wait_seconds: secondsOf(record.waitedMs),
    run_seconds: secondsOf(record.ranMs),
    outcome: { kind: outcome.kind, exitcode: outcome.exitCode, reason: outcome.because },
    charged: record.isCharged,
    submitted: isoOf(record.submittedAt),
    placed: isoOf(record.placedAt),
    started: isoOf(record.startedAt),
    ended: isoOf(record.endedAt),
  };
}
