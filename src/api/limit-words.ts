/** Limits and quotas in words, with their numbers. */
import { unreachable } from '../core/assert.js';
import type { Reason } from '../core/job.js';
import type { Obstacle } from '../core/obstacle.js';
import { DISK_QUOTA, type QuotaReached } from '../core/quota.js';

type AnyQuota = QuotaReached['quota'];

type LimitObstacle = Extract<Obstacle, { code: 'limit-reached' | 'quota' }>;

export const isLimit = (obstacle: Obstacle): obstacle is LimitObstacle =>
  obstacle.code === 'limit-reached' || obstacle.code === 'quota';

/** Name of a quota on the wire, as old command lines set it, and its unit. */
export const QUOTA_WORDS: Readonly<
  Record<AnyQuota, { readonly field: string; readonly unit: string }>
> = {
  time: { field: 'quota_time', unit: 's' },
  cpu: { field: 'quota_cpu', unit: 'cpus' },
  ram: { field: 'quota_ram', unit: 'GB' },
  cpuHours: { field: 'quota_cpu_hours', unit: 'cpu-hours' },
  gpuHours: { field: 'quota_gpu_hours', unit: 'gpu-hours' },
  disk: { field: 'quota_disk', unit: 'GB' },
  memoryHours: { field: 'quota_memory_hours', unit: 'GB-hours' },
};

const isQuota = (name: unknown): name is AnyQuota =>
  typeof name === 'string' && Object.hasOwn(QUOTA_WORDS, name);

/** Three decimals at most, as requests have. */
const shown = (amount: number): string => String(Math.round(amount * 1_000) / 1_000);

/** Of a job that ended: which quota, what is used of it, what was asked, when it frees up. */
export function describeQuotaReached({ facts }: Reason): string {
  const { scope, name, quota, limit, used, asked, freesUpAt } = facts;
  if (!isQuota(quota)) return 'quota exceeded';
  const { field, unit } = QUOTA_WORDS[quota];
  const request = Number(asked) > 0 ? `, ${shown(Number(asked))} asked` : '';
  const again =
    quota === DISK_QUOTA
      ? ' by job directories; frees up as directories are removed (god archive)'
      : whenAgain(freesUpAt);
  const amounts = `${shown(Number(used))} of ${shown(Number(limit))} ${unit} used${request}`;
  return `quota exceeded: ${field} of ${scope} ${name}: ${amounts}${again}`;
}

const whenAgain = (freesUpAt: unknown): string =>
  typeof freesUpAt === 'number'
    ? `; frees up ${new Date(freesUpAt).toISOString()}`
    : '; the job asks for more than the whole quota';

/** Why a job waits for a limit. */
export function describeLimit(obstacle: LimitObstacle): string {
  if (obstacle.code === 'quota') {
    const { scope, name, quota, limit, used, held, asked } = obstacle;
    const { field, unit } = QUOTA_WORDS[quota];
    const request = asked > 0 ? `, ${shown(asked)} asked` : '';
    return `${field} of ${scope} ${name}: ${shown(used)} of ${shown(limit)} ${unit} used, ${shown(held)} held by ${quota === DISK_QUOTA ? 'directories of jobs that run or wait' : 'running jobs'}${request}`;
  }
  return `${whose(obstacle)}: ${obstacle.running} of at most ${obstacle.limit} jobs run`;
}

function whose({ scope, name }: Extract<Obstacle, { code: 'limit-reached' }>): string {
  switch (scope) {
    case 'queue-user':
      return `your jobs in queue ${name}`;
    case 'user':
    case 'project':
    case 'executor':
    case 'queue':
      return `${scope} ${name}`;
    default:
      return unreachable(scope);
  }
}
