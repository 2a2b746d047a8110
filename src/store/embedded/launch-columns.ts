/** What both stores keep of a launch that ended, beside its record: what sums are asked by. */
import type { AccountingRecord } from '../../contracts/accounting.js';
import { dayOf } from '../../core/usage.js';
import type { LaunchColumns } from './requests.js';

export const launchColumns = (record: AccountingRecord): LaunchColumns => ({
  job: record.jobId,
  launch: record.launch,
  day: dayOf(record.endedAt),
  project: record.project,
  owner: record.owner,
  queue: record.queue ?? '',
  executor: record.executor,
  isCharged: record.isCharged,
  ranMs: record.ranMs,
  waitedMs: record.waitedMs,
  ...record.allocated,
  record: JSON.stringify(record),
});
