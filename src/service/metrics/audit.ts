/** Where the audit log stands, as this process sees it. */
import { Gauge, type Registry } from 'prom-client';
import type { AuditHead } from '../../contracts/audit.js';

/** Asked when somebody asks for metrics; a store that is away gives no figure. */
export function auditMetrics(metrics: Registry, head: () => Promise<AuditHead | undefined>): void {
  new Gauge({
    name: 'godocker_audit_last_number',
    help: 'Number of the newest entry of the audit log; it never goes down, unless its end was cut off',
    registers: [metrics],
    async collect() {
      try {
        this.set((await head())?.seq ?? 0);
      } catch {
        // Told by the figures of the store.
        this.remove();
      }
    },
  });
}
