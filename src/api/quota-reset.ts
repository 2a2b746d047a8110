/** A user's or project's quotas begin anew. Use for fair share, use by day and what stands on disks stay as they are. */
import type { Person } from '../contracts/auth.js';
import type { QuotaOwner } from '../contracts/store.js';
import type { ApiDeps } from './deps.js';

export async function resetQuota(
  { store, clock, log }: Pick<ApiDeps, 'store' | 'clock' | 'log'>,
  whose: QuotaOwner,
  by: Person,
): Promise<void> {
  await store.resetQuota(whose, clock.now());
  log.info('quota reset', { ...whose, by: by.id });
}
