/** What the system does by itself and administrators will ask about: entries of the audit log out of events. */
import { type AuditTrail, systemNote } from '../contracts/audit.js';
import type { Clock } from '../contracts/clock.js';
import type { Events } from '../contracts/events.js';

export function auditEvents(events: Events, trail: AuditTrail, clock: Pick<Clock, 'now'>): void {
  events.on('leader:taken', ({ epoch, holder }) =>
    trail.tell(
      systemNote({
        at: clock.now(),
        act: 'leader.takeover',
        subject: { kind: 'scheduler', id: holder },
        facts: { epoch },
      }),
    ),
  );
  events.on('agent:set-aside', ({ executor, host, failures }) =>
    trail.tell(
      systemNote({
        at: clock.now(),
        act: 'agent.set-aside',
        subject: { kind: 'node', id: host },
        facts: { executor, failures },
      }),
    ),
  );
  events.on('agent:let-back', ({ executor, host }) =>
    trail.tell(
      systemNote({
        at: clock.now(),
        act: 'agent.let-back',
        subject: { kind: 'node', id: host },
        facts: { executor },
      }),
    ),
  );
}
