/** Users and projects: from rows of the tables to records. */
import type { Priorities, ProjectRecord, QuotaOwner, UserRecord } from '../../contracts/store.js';
import type { QuotaRecords, QuotaReset, QuotaResets } from '../../core/limit-book.js';
import type { Quotas } from '../../core/quota.js';
import { type Instant, type ProjectId, projectId, type UserId, userId } from '../../core/units.js';
import { dayOf } from '../../core/usage.js';
import type { Channel } from './channel.js';
import type { QuotaResetColumns, Reads } from './requests.js';
import { present, UnreadableRecord } from './rows.js';
import type { Row } from './sqlite.js';

export function prioritiesOf(rows: readonly Row[]): Priorities {
  const users = new Map<UserId, number>();
  const projects = new Map<ProjectId, number>();
  for (const [kind, id, prio] of rows)
    if (kind === 'user') users.set(userId(String(id)), Number(prio));
    else projects.set(projectId(String(id)), Number(prio));
  return { users, projects };
}

export function quotasOf(rows: readonly Row[]): QuotaRecords {
  const users = new Map<UserId, Quotas>();
  const projects = new Map<ProjectId, Quotas>();
  for (const [kind, id, text] of rows) {
    const quotas = JSON.parse(String(text)) as Quotas;
    if (kind === 'user') users.set(userId(String(id)), quotas);
    else projects.set(projectId(String(id)), quotas);
  }
  return { users, projects };
}

export async function readQuotas(reader: Channel<Reads>): Promise<QuotaRecords> {
  const [quotas, resets] = await Promise.all([
    reader.call('quotas', null),
    reader.call('quotaResets', null),
  ]);
  return { ...quotasOf(quotas), resets: resetsOf(resets) };
}

export const resetColumns = (whose: QuotaOwner, at: Instant): QuotaResetColumns =>
  'user' in whose
    ? { kind: 'user', id: whose.user, day: dayOf(at) }
    : { kind: 'project', id: whose.project, day: dayOf(at) };

/** What was used on a day so far, kept in the same transaction: id and day go in. */
export const quotaReset = (kind: 'user' | 'project', column: 'owner' | 'project'): string =>
  `INSERT OR REPLACE INTO quota_resets
   SELECT '${kind}', ?1, ?2, total(time_ms), total(cpu_milli), total(mem_mb), total(gpus),
     total(cpu_milli_ms), total(mem_mb_ms), total(gpu_ms)
   FROM used_days WHERE day = ?2 AND ${column} = ?1`;

export const QUOTA_RESETS =
  'SELECT kind, id, day, time_ms, cpu_milli, mem_mb, gpus, cpu_milli_ms, mem_mb_ms, gpu_ms FROM quota_resets';

/** Out of rows of `QUOTA_RESETS`. */
export function resetsOf(rows: readonly Row[]): QuotaResets {
  const users = new Map<UserId, QuotaReset>();
  const projects = new Map<ProjectId, QuotaReset>();
  for (const [kind, id, day, ...sums] of rows) {
    const [timeMs = 0, cpuMilli = 0, memMb = 0, gpus = 0, ...products] = sums.map(Number);
    const [cpuMilliMs = 0, memMbMs = 0, gpuMs = 0] = products;
    const used = { timeMs, cpuMilli, memMb, gpus, cpuMilliMs, memMbMs, gpuMs };
    if (kind === 'user') users.set(userId(String(id)), { day: Number(day), used });
    else projects.set(projectId(String(id)), { day: Number(day), used });
  }
  return { users, projects };
}

/** @throws UnreadableRecord */
export function projectOf(id: string, document: string): ProjectRecord {
  try {
    const project = JSON.parse(document) as ProjectRecord;
    present(project.members);
    present(project.quotas);
    return project;
  } catch (cause) {
    throw new UnreadableRecord(id, { cause });
  }
}

/** @throws UnreadableRecord */
export function userOf(id: string, document: string): UserRecord {
  try {
    const user = JSON.parse(document) as UserRecord;
    present(user.identity);
    present(user.keys);
    return user;
  } catch (cause) {
    throw new UnreadableRecord(id, { cause });
  }
}
