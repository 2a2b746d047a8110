// The audit log of every store: one chain, whoever writes, found by what is asked for.
import type { Test } from 'tap';
import { type AuditNote, systemNote } from '../../src/contracts/audit.js';
import type { Store } from '../../src/contracts/store.js';
import { readAudit } from '../../src/core/audit.js';
import { ChainCheck, isDamaged, NO_HEAD } from '../../src/core/audit-chain.js';
import { instant } from '../../src/core/units.js';
import { sha256 } from '../../src/store/audit-columns.js';
import { AT } from '../store/a-job.js';
import type { MakeStore } from './store.js';

const WRITERS = 6;
const CALLS = 15;

export const aNote = (part: Partial<AuditNote> = {}): AuditNote => ({
  ...systemNote({ at: AT, act: 'node.drain', subject: { kind: 'node', id: 'n1' } }),
  ...{ actor: 'root', via: 'token', keyId: 'k1', requestId: 'r1', remote: '192.0.2.7' },
  facts: { reason: 'new disks' },
  ...part,
});

/** Every entry, page by page; its chain. */
export async function chainIn(store: Store) {
  const check = new ChainCheck(sha256);
  const all = [];
  for (let after = 0; ; ) {
    const page = await store.auditPage({ after, limit: 7 });
    for (const record of page) check.add(record);
    all.push(...page);
    const last = page.at(-1);
    if (last === undefined) break;
    after = isDamaged(last) ? last.seq : last.chained.seq;
  }
  const head = (await store.auditHead()) ?? NO_HEAD;
  const entries = all.flatMap((one) => (isDamaged(one) ? [] : [one]));
  return { broken: check.ends(head.seq), head, entries };
}

export async function auditContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('entries stand in one chain, as they were added', async (t) => {
    const { store, another } = await make(t);
    t.equal(await store.auditHead(), undefined);
    t.strictSame(await store.auditPage({ after: 0, limit: 9 }), []);
    t.strictSame(await store.appendAudit([]), []);
    const added = await store.appendAudit([aNote(), aNote({ act: 'node.resume', facts: {} })]);
    t.strictSame(
      added.map(({ chained }) => chained.seq),
      [1, 2],
    );
    t.match(added.slice(0, 1).map(readAudit), [
      { ...aNote(), ...{ seq: 1, erased: [], previous: NO_HEAD.hash } },
    ]);
    const other = await another();
    const [third] = await other.appendAudit([aNote({ count: 12, outcome: 'refused' })]);
    t.equal(third?.chained.previous, added[1]?.chained.hash);
    const { broken, head, entries } = await chainIn(store);
    t.equal(broken, undefined);
    t.strictSame(entries, [...added, third], 'letter by letter');
    t.strictSame(head, { seq: 3, hash: third?.chained.hash });
  });

  await t.test('many who write at once make one chain, and nothing is lost', async (t) => {
    const { store, another } = await make(t);
    const handles = [store];
    while (handles.length < WRITERS) handles.push(await another());
    const done = handles.map(async (handle, writer) => {
      for (let call = 0; call < CALLS; call++) {
        const notes = Array.from({ length: 1 + (call % 3) }, (_, at) =>
          aNote({ facts: { writer, call, at } }),
        );
        const added = await handle.appendAudit(notes);
        const seqs = added.map(({ chained }) => chained.seq);
        t.strictSame(
          seqs,
          [...seqs].sort((a, b) => a - b),
        );
      }
    });
    await Promise.all(done);
    const { broken, entries } = await chainIn(store);
    t.equal(broken, undefined);
    const told = entries.map((entry) => JSON.stringify(readAudit(entry).facts));
    t.equal(entries.length, WRITERS * (CALLS / 3) * (1 + 2 + 3));
    t.equal(new Set(told).size, entries.length, 'each once');
  });

  await t.test('calls of one handle keep their order', async (t) => {
    const { store } = await make(t);
    const calls = Array.from({ length: 30 }, (_, n) =>
      store.appendAudit([aNote({ facts: { n } })]),
    );
    await Promise.all(calls);
    const { broken, entries } = await chainIn(store);
    t.equal(broken, undefined);
    t.strictSame(
      entries.map((entry) => readAudit(entry).facts.n),
      Array.from({ length: 30 }, (_, n) => n),
    );
  });

  await t.test('pages, by actor, act, subject and time', async (t) => {
    const { store } = await make(t);
    const later = instant(AT + 1_000);
    await store.appendAudit([
      aNote(),
      aNote({ actor: 'alice', act: 'session.open', subject: { kind: 'user', id: 'alice' } }),
      aNote({ actor: null, act: 'session.refused', subject: { kind: 'user', id: 'alice' } }),
      aNote({ act: 'node.resume', at: later, subject: { kind: 'node', id: 'n2' } }),
      aNote({ act: 'disk.recount', at: later, subject: null }),
    ]);
    const found = async (query: object) =>
      (await store.auditPage({ after: 0, limit: 100, ...query })).map((one) =>
        isDamaged(one) ? 0 : one.chained.seq,
      );
    t.strictSame(await found({}), [1, 2, 3, 4, 5]);
    t.strictSame(await found({ after: 2 }), [3, 4, 5]);
    t.strictSame(await found({ after: 1, limit: 2 }), [2, 3]);
    t.strictSame(await found({ actor: 'root' }), [1, 4, 5]);
    t.strictSame(await found({ actor: 'root', limit: 1, after: 1 }), [4]);
    t.strictSame(await found({ acts: ['session.open', 'session.refused'] }), [2, 3]);
    t.strictSame(await found({ acts: [] }), []);
    t.strictSame(await found({ subject: { kind: 'user', id: 'alice' } }), [2, 3]);
    t.strictSame(await found({ subject: { kind: 'node' } }), [1, 4]);
    t.strictSame(await found({ from: later }), [4, 5]);
    t.strictSame(await found({ to: later }), [1, 2, 3]);
    t.strictSame(await found({ from: AT, to: later, actor: 'alice' }), [2]);
  });

  await t.test('odd texts come back harmless, and the chain holds', async (t) => {
    const { store } = await make(t);
    const actor = 'ro\u0000ot\n\u001b[2J\u202e';
    await store.appendAudit([
      aNote({
        actor,
        facts: { $set: 'a\u0000', 'a.b': { '$where.x': ['ü😀', null, 1.5, false] } },
      }),
      aNote({ actor: '', requestId: '', facts: {} }),
    ]);
    const { broken, entries } = await chainIn(store);
    t.equal(broken, undefined);
    t.match(entries.map(readAudit), [
      {
        actor: 'ro\\u{0}ot\\u{a}\\u{1b}[2J\\u{202e}',
        facts: { $set: 'a\\u{0}', 'a.b': { '$where.x': ['ü😀', null, 1.5, false] } },
      },
      { actor: '', facts: {} },
    ]);
  });
}
