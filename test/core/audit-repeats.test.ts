// What comes again and again is told with its count, and a flood of it does not fill the disk.
import t from 'tap';
import type { AuditNote } from '../../src/core/audit.js';
import { AuditRepeats } from '../../src/core/audit-repeats.js';
import { instant } from '../../src/core/units.js';

const refused = (login: string, at = 0, part: Partial<AuditNote> = {}): AuditNote => ({
  ...{ at: instant(at), act: 'session.refused', outcome: 'refused', count: 1 },
  ...{ actor: null, actingFor: null, via: 'none', keyId: null, requestId: `r${at}` },
  ...{ remote: '192.0.2.7', subject: { kind: 'user', id: login }, facts: {} },
  ...part,
});
const WINDOW = { windowMs: 60_000, kindsMax: 3 };

t.test('the first of its kind at once, what follows together', async (t) => {
  const repeats = new AuditRepeats(WINDOW);
  t.ok(repeats.isEmpty);
  t.equal(repeats.add(refused('alice', 1), 1), true);
  t.match(repeats.due(2), [{ count: 1, requestId: 'r1', facts: {} }]);
  t.strictSame(repeats.due(3), [], 'once');
  t.equal(repeats.add(refused('alice', 5), 5), false);
  t.equal(repeats.add(refused('alice', 9), 9), false);
  t.equal(repeats.add(refused('bob', 9), 9), true);
  t.match(repeats.due(10), [{ count: 1, subject: { id: 'bob' } }]);
  t.match(repeats.due(60_001), [
    { count: 2, at: 9, subject: { id: 'alice' }, facts: { since: '1970-01-01T00:00:00.005Z' } },
  ]);
  t.ok(repeats.isEmpty);
  t.equal(repeats.add(refused('alice', 70_000), 70_000), true, 'a new window');
});

t.test('a million wrong passwords are a few entries, and every one is counted', async (t) => {
  const repeats = new AuditRepeats(WINDOW);
  const entries: AuditNote[] = [];
  for (let n = 0; n < 100_000; n++) {
    repeats.add(refused(`user${n}`, n), n);
    if (n % 1_000 === 0) entries.push(...repeats.due(n));
  }
  entries.push(...repeats.takeAll());
  t.ok(entries.length <= 2 * (WINDOW.kindsMax + 1), `${entries.length} entries`);
  t.equal(
    entries.reduce((sum, { count }) => sum + count, 0),
    100_000,
  );
  t.match(entries.at(-1), { subject: null, remote: null, facts: { others: /more kinds/ } });
});

t.test('a flood hides nobody who is known', async (t) => {
  const repeats = new AuditRepeats(WINDOW);
  for (let n = 0; n < 1_000; n++) repeats.add(refused(`user${n}`, n), n);
  repeats.due(1_000);
  const opened = { act: 'session.open', outcome: 'done', actor: 'mallory', via: 'key' } as const;
  t.equal(repeats.add(refused('mallory', 1_001, opened), 1_001), true);
  t.match(repeats.due(1_002), [{ actor: 'mallory', act: 'session.open', count: 1 }]);
});

t.test('what could not be written is given back, with its count', async (t) => {
  const repeats = new AuditRepeats(WINDOW);
  for (let n = 0; n < 3; n++) repeats.add(refused('alice', n), n);
  const [first] = repeats.due(4);
  t.equal(first?.count, 3);
  if (first !== undefined) repeats.add(first, 5);
  repeats.add(refused('alice', 6), 6);
  t.match(repeats.due(60_000), [{ count: 4 }]);
});
