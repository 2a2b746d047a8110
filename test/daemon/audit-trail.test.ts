// How a process writes the audit log: acts before they happen, everything else soon, nothing forgotten while the store is away.
import t from 'tap';
import { systemNote } from '../../src/contracts/audit.js';
import { Events } from '../../src/contracts/events.js';
import { AUDIT_AGAIN_MS, AUDIT_WINDOW_MS } from '../../src/contracts/limits.js';
import { SILENT } from '../../src/contracts/log.js';
import { readAudit } from '../../src/core/audit.js';
import { isDamaged } from '../../src/core/audit-chain.js';
import { auditEvents } from '../../src/daemon/audit-events.js';
import { StoredTrail } from '../../src/daemon/audit-trail.js';
import { FakeTime } from '../support/fake-time.js';
import {
  MemoryRecord,
  MemoryStore,
  type StoreTrouble,
  storeAway,
} from '../support/memory-store.js';

function aTrail() {
  const time = new FakeTime();
  const trouble: StoreTrouble = {};
  const record = new MemoryRecord();
  const store = new MemoryStore(record, trouble);
  const trail = new StoredTrail({ store, clock: time, timers: time, log: SILENT });
  const written = async () =>
    (await new MemoryStore(record).auditPage({ after: 0, limit: 100 })).flatMap((one) =>
      isDamaged(one) ? [] : [readAudit(one)],
    );
  const note = (id: string) =>
    systemNote({ at: time.now(), act: 'agent.set-aside', subject: { kind: 'node', id } });
  return { time, trouble, store, trail, written, note };
}

t.test('an act waits for its entry, and is refused without', async (t) => {
  const { trail, trouble, note, written } = aTrail();
  const { chained } = await trail.write(note('n1'));
  t.equal(chained.seq, 1);
  trouble.before = () => {
    throw storeAway();
  };
  await t.rejects(trail.write(note('n2')), { code: 'store-unavailable' });
  t.equal((await written()).length, 1);
});

t.test('what is told is written at once, repeats at the end of their minute', async (t) => {
  const { time, trail, note, written } = aTrail();
  trail.tell(note('n1'));
  trail.tell(note('n2'));
  await time.pass(0);
  t.match(await written(), [{ subject: { id: 'n1' } }, { subject: { id: 'n2' } }]);
  for (let n = 0; n < 5; n++) trail.tell(note('n1'));
  await time.pass(AUDIT_WINDOW_MS + AUDIT_AGAIN_MS);
  t.match((await written()).slice(2), [{ subject: { id: 'n1' }, count: 5 }]);
});

t.test('while the store is away nothing is forgotten, and nobody hears of it', async (t) => {
  const { time, trail, trouble, note, written } = aTrail();
  trouble.before = () => {
    throw storeAway();
  };
  trail.tell(note('n1'));
  trail.tell(note('n2'));
  await time.pass(3 * AUDIT_WINDOW_MS);
  trouble.before = undefined;
  await time.pass(AUDIT_WINDOW_MS + AUDIT_AGAIN_MS);
  t.match(await written(), [{ subject: { id: 'n1' }, count: 1 }, { subject: { id: 'n2' } }]);
});

t.test('a stop writes what is left', async (t) => {
  const { time, trail, note, written } = aTrail();
  trail.tell(note('n1'));
  await time.pass(0);
  trail.tell(note('n1'));
  await trail.stop();
  t.match(await written(), [{ count: 1 }, { count: 1 }]);
});

t.test('what the system does by itself', async (t) => {
  const { time, trail, written } = aTrail();
  const events = new Events();
  auditEvents(events, trail, time);
  events.emit('leader:taken', { epoch: 7, holder: 'h1' });
  events.emit('agent:set-aside', { executor: 'mesos', host: 'n1', failures: 3 });
  events.emit('agent:let-back', { executor: 'mesos', host: 'n1' });
  await time.pass(0);
  const system = { actor: 'system', via: 'system', outcome: 'done' };
  t.match(await written(), [
    { ...system, act: 'leader.takeover', subject: { kind: 'scheduler', id: 'h1' } },
    { ...system, act: 'agent.set-aside', subject: { id: 'n1' }, facts: { failures: 3 } },
    { ...system, act: 'agent.let-back', facts: { executor: 'mesos' } },
  ]);
});
