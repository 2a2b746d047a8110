/** A user's or project's quotas begin anew. Use for fair share, use by day and what stands on disks stay as they are. */
import type { Person } from '../contracts/auth.js';
import type { QuotaOwner } from '../contracts/store.js';
import { audited } from './audit.js';
import type { Context } from './context.js';
import type { ApiDeps } from './deps.js';

export async function resetQuota(
  asked: { readonly context: Context; readonly deps: ApiDeps },
  whose: QuotaOwner,
  by: Person,
): Promise<void> {
  const { store, clock, log } = asked.deps;
  const subject =
    'user' in whose
      ? ({ kind: 'user', id: whose.user } as const)
      : ({ kind: 'project', id: whose.project } as const);
  await audited(asked, { act: 'quota.reset', subject }, () => store.resetQuota(whose, clock.now()));
  log.info('quota reset', { ...whose, by: by.id });
}
