/** What of somebody's quotas is used, as far as it has ended; the same sums that the scheduler keeps. */

import type { QuotaOwner } from '../contracts/store.js';
import { amountOf, QUOTA_NAMES, type Quotas } from '../core/quota.js';
import { QuotaLedger } from '../core/quota-ledger.js';
import { endOf, firstBucket, periodStart } from '../core/quota-period.js';
import type { ApiDeps } from './deps.js';
import { diskQuotaToWire, takenBy } from './disk.js';
import { QUOTA_WORDS } from './limit-words.js';

export async function quotaReport(
  { store, clock, config }: Pick<ApiDeps, 'store' | 'clock' | 'config'>,
  whose: QuotaOwner,
  quotas: Quotas,
) {
  const at = clock.now();
  const { period } = config.limits;
  const since = periodStart(period, at);
  const asked = 'user' in whose ? { owner: whose.user } : { project: whose.project };
  const [ended, { resets }, taken] = await Promise.all([
    store.used({ since, ...asked }),
    store.quotas(),
    takenBy(store),
  ]);
  const reset =
    'user' in whose ? resets?.users.get(whose.user) : resets?.projects.get(whose.project);
  const ledger = new QuotaLedger(period);
  if (reset !== undefined) ledger.setResets(new Map([[ONE, reset]]));
  for (const { endedAt, ...sums } of ended) ledger.add(ONE, sums, endedAt);
  const used = ledger.total(ONE, at);
  return {
    period: period.kind,
    ...(period.kind === 'window' ? { days: period.days } : { time_zone: period.timeZone }),
    since: since / 1_000,
    // A window moves on day by day; a month begins anew.
    begins_anew: period.kind === 'month' ? endOf(period, firstBucket(period, at)) / 1_000 : null,
    quotas: [
      ...QUOTA_NAMES.map((name) => {
        const { field, unit } = QUOTA_WORDS[name];
        return { name: field, unit, limit: quotas[name] ?? 0, used: amountOf(name, used) };
      }),
      'user' in whose
        ? diskQuotaToWire(taken.user(whose.user), quotas, config.limits.diskGbUsual)
        : diskQuotaToWire(taken.project(whose.project), quotas, null),
    ],
  };
}

/** The only payer of the ledger. */
const ONE = '';
