/** What was used and what it costs: for administrators; of a job, for its owner as well. Days, months and dates are in UTC. */
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
import { type Context, queryValue } from '../context.js';
import { mustBeAdmin } from '../people.js';
import type { Routes } from '../routes.js';

/** Of one answer: a leap year. */
const DAYS_MAX = 366;

export function accountingRoutes({ deps, router, signedIn, jobOf }: Routes): void {
  const { store, config } = deps;

  router.get('/task/:id/accounting', async (context) => {
    const job = await jobOf(context, context.params.id);
    context.body = (await store.accountOf(job.id)).map(recordToWire);
  });

  router.get('/accounting', async (context) => {
    mustBeAdmin(await signedIn(context), 'see what everybody used');
    const from = readDay(context, 'from');
    const until = readDay(context, 'until');
    if (until <= from || until - from > DAYS_MAX)
      throw badField('until', `a day after from, and at most ${DAYS_MAX} days later`);
    const by = queryValue(context, 'by') ?? 'day';
    if (by !== 'day' && by !== 'month') throw badField('by', 'day or month');
    const sums = await store.accountSums({ from, until, ...projectAsked(context) });
    const told = by === 'month' ? byMonth(sums) : sums;
    context.body = { from: dateOf(from), until: dateOf(until), by, sums: told.map(sumToWire) };
  });

  router.get('/bill/:month', async (context) => {
    mustBeAdmin(await signedIn(context), 'see bills');
    const month = context.params.month ?? '';
    const format = queryValue(context, 'format') ?? 'json';
    if (format !== 'json' && format !== 'csv') throw badField('format', 'json or csv');
    const query = billQuery(month, projectAsked(context).project);
    const bill = billOf(await store.accountSums(query), config.prices);
    if (format === 'json') {
      context.body = billDocument(month, bill);
      return;
    }
    context.attachment(`bill-${month}.csv`);
    context.type = 'text/csv; charset=utf-8';
    context.body = billCsv(month, bill);
  });
}

function projectAsked(context: Context) {
  const project = queryValue(context, 'project');
  return project === undefined ? {} : { project: projectId(project) };
}

const badField = (field: string, wanted: string): ServiceError =>
  new ServiceError('bad-field', `${field}: wanted ${wanted}`, { field });

function readDay(context: Context, field: string): number {
  const text = queryValue(context, field) ?? '';
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (!Number.isFinite(at) || dateOf(dayOf(instant(at))) !== text)
    throw badField(field, 'a day as in 2026-11-21');
  return dayOf(instant(at));
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

const seconds = (ms: number): number => ms / 1_000;

const sumToWire = (sum: AccountingSum) => ({
  date: dateOf(sum.day),
  ...{ project: sum.project, owner: sum.owner, queue: sum.queue, executor: sum.executor },
  charged: sum.isCharged,
  launches: sum.launches,
  run_seconds: seconds(sum.ranMs),
  wait_seconds: seconds(sum.waitedMs),
  cpu_seconds: seconds(sum.cpuMs),
  gpu_seconds: seconds(sum.gpuMs),
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
      cpu_seconds: seconds(allocated.cpuMs),
      gpu_seconds: seconds(allocated.gpuMs),
      mem_mb_seconds: allocated.memMbSeconds,
    },
    measured:
      measured === null
        ? null
        : { cpu_seconds: seconds(measured.cpuMs), mem_mb_max: measured.memMbMax },
    wait_seconds: seconds(record.waitedMs),
    run_seconds: seconds(record.ranMs),
    outcome: { kind: outcome.kind, exitcode: outcome.exitCode, reason: outcome.because },
    charged: record.isCharged,
    submitted: isoOf(record.submittedAt),
    placed: isoOf(record.placedAt),
    started: isoOf(record.startedAt),
    ended: isoOf(record.endedAt),
  };
}
