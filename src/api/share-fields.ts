/** Priority and quotas of a user or project, as old command lines send them: numbers, or numbers in texts. */
import type { AuditFacts } from '../contracts/audit.js';
import { auditChanges } from '../core/audit.js';
import type { Quotas } from '../core/quota.js';
import type { SHARE_FIELDS } from './schemas/people.js';

/** What users and projects have alike. */
export interface ShareFields {
  readonly prio: number;
  readonly quotas: Quotas;
}

/** As `SHARE_FIELDS` reads them. */
type ShareAsked = { readonly [Name in keyof typeof SHARE_FIELDS]?: number | undefined };

/** `prio` and the quotas of a body; what is absent stays as it was. */
export const readShare = (asked: ShareAsked, { prio, quotas }: ShareFields): ShareFields => ({
  prio: asked.prio ?? prio,
  quotas: {
    time: asked.quota_time ?? quotas.time,
    cpu: asked.quota_cpu ?? quotas.cpu,
    ram: asked.quota_ram ?? quotas.ram,
    cpuHours: asked.quota_cpu_hours ?? quotas.cpuHours ?? 0,
    gpuHours: asked.quota_gpu_hours ?? quotas.gpuHours ?? 0,
    memoryHours: asked.quota_memory_hours ?? quotas.memoryHours ?? 0,
    disk: asked.quota_disk ?? quotas.disk ?? 0,
  },
});

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
