// What the book believes when the answer to a write got lost.
import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import type { Job } from '../../src/core/job.js';
import { agentId } from '../../src/core/units.js';
import { JobBook } from '../../src/daemon/job-book.js';
import { aPlacement, leader, submitted } from '../store/a-job.js';
import { FakeTime } from '../support/fake-time.js';
import { MemoryRecord, MemoryStore, storeAway } from '../support/memory-store.js';

/** An intent for agent a1 whose answer is lost; meanwhile `happens` is done to the record. */
async function doubtfulIntent(happens: (record: MemoryRecord, own: Job) => void) {
  const record = new MemoryRecord();
  const web = new MemoryStore(record);
  const time = new FakeTime();
  const epoch = await leader(web);
  const pending = await submitted(web);
  let isLost = false;
  const store = new MemoryStore(record, {
    after: (method) => {
      if (method !== 'advance' || isLost) return;
      isLost = true;
      const own = record.jobs.get(pending.id);
      if (own !== undefined) happens(record, own);
      throw storeAway();
    },
  });
  const ports = { store, clock: time, timers: time, log: SILENT, fencedOut: () => {} };
  const book = new JobBook(ports, epoch, []);
  const placement = aPlacement(pending.id, 1);
  const applying = book.apply(pending.id, { kind: 'placed', placement, directory: '/d' }, pending);
  await time.pass(10_000);
  return { applied: await applying, book, id: pending.id };
}

t.test('an intent that was stored although its answer got lost is ours', async (t) => {
  const { applied } = await doubtfulIntent(() => {});
  t.match(applied, { kind: 'moved', job: { state: 'launching', launches: 1 } });
});

t.test('an older intent for another agent, come late, is not taken for it', async (t) => {
  const elsewhere = agentId('a2');
  const { applied, book, id } = await doubtfulIntent((record, own) => {
    if (own.state !== 'launching') throw new Error(`the job is ${own.state}`);
    record.put({ ...own, placement: { ...own.placement, agentId: elsewhere } });
  });
  t.not(applied.kind, 'moved', 'nothing may be launched for it');
  t.match(book.get(id), { state: 'launching', placement: { agentId: 'a2' } }, 'as it stands');
});
