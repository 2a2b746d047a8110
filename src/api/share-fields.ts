/** Priority and quotas of a user or project, as old command lines send them: numbers, or numbers in texts. */
import type { AuditFacts } from '../contracts/audit.js';
import { ServiceError } from '../contracts/errors.js';
import { auditChanges } from '../core/audit.js';
import { PRIO_MAX } from '../core/policy.js';
import type { Quotas } from '../core/quota.js';

/** What users and projects have alike. */
export interface ShareFields {
  readonly prio: number;
  readonly quotas: Quotas;
}

/**
 * `prio` and the quotas (`quota_time`, `quota_cpu`, `quota_ram`, `quota_cpu_hours` …) of a body; what is absent stays as it was.
 * @param prefix of the fields' names in refusals
 * @throws ServiceError bad-field
 */
export function readShare(
  body: Readonly<Record<string, unknown>>,
  before: ShareFields,
  prefix = '',
): ShareFields {
  const read = (name: string, usual: number, max?: number): number =>
    readAmount(body[name], usual, { field: `${prefix}${name}`, max });
  return {
    prio: read('prio', before.prio, PRIO_MAX),
    quotas: {
      time: read('quota_time', before.quotas.time),
      cpu: read('quota_cpu', before.quotas.cpu),
      ram: read('quota_ram', before.quotas.ram),
      cpuHours: read('quota_cpu_hours', before.quotas.cpuHours ?? 0),
      gpuHours: read('quota_gpu_hours', before.quotas.gpuHours ?? 0),
      memoryHours: read('quota_memory_hours', before.quotas.memoryHours ?? 0),
      disk: read('quota_disk', before.quotas.disk ?? 0),
    },
  };
}

/** As the audit log names them. */
export const shareFacts = ({ prio, quotas }: ShareFields): AuditFacts => ({
  prio,
  ...quotasToWire(quotas),
});

/** What a change makes of them. */
export const shareChanges = (before: ShareFields, after: ShareFields): AuditFacts =>
  auditChanges(shareFacts(before), shareFacts(after));

/** The same names, on the way back. */
export const quotasToWire = (quotas: Quotas) => ({
  quota_time: quotas.time,
  quota_cpu: quotas.cpu,
  quota_ram: quotas.ram,
  quota_cpu_hours: quotas.cpuHours ?? 0,
  quota_gpu_hours: quotas.gpuHours ?? 0,
  quota_memory_hours: quotas.memoryHours ?? 0,
  quota_disk: quotas.disk ?? 0,
});

function readAmount(
  found: unknown,
  usual: number,
  { field, max }: { readonly field: string; readonly max: number | undefined },
): number {
  if (found === undefined || found === null || found === '') return usual;
  const value = typeof found === 'string' && found.trim() !== '' ? Number(found) : found;
  const isRight =
    typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= (max ?? 1e15);
  if (isRight) return value;
  const wanted = max === undefined ? 'a number of at least 0' : `a number from 0 to ${max}`;
  throw new ServiceError('bad-field', `${field} must be ${wanted}`, { field });
}
