// The chain of the audit log: whatever is changed, taken out, exchanged or put in is found, at its place; erasing a name is none of it.
import { createHash } from 'node:crypto';
import t from 'tap';
import {
  type AuditEntry,
  type AuditNote,
  auditChanges,
  cleanNote,
  cleanText,
  PERSONAL_FIELDS,
  readAudit,
} from '../../src/core/audit.js';
import {
  type AuditRecord,
  type BrokenChain,
  ChainCheck,
  canonicalEntry,
  FIRST_PREVIOUS,
  linkedAll,
  NO_HEAD,
  sealed,
} from '../../src/core/audit-chain.js';
import { instant } from '../../src/core/units.js';
import { Chance } from '../simulation/chance.js';

const digest = (text: string) => createHash('sha256').update(text).digest('hex');
const AT = instant(1_700_000_000_000);

const aNote = (part: Partial<AuditNote> = {}): AuditNote => ({
  at: AT,
  act: 'user.change',
  outcome: 'done',
  actor: 'root',
  actingFor: null,
  via: 'token',
  keyId: 'abcd',
  requestId: 'r-1',
  remote: '192.0.2.7',
  subject: { kind: 'user', id: 'alice' },
  facts: { prio: [50, 70] },
  count: 1,
  ...part,
});

let salts = 0;
const ports = { digest, salt: () => `salt${++salts}` };
const chainOf = (notes: readonly AuditNote[]): AuditEntry[] => [
  ...linkedAll(
    notes.map((note) => sealed(note, ports)),
    NO_HEAD,
    digest,
  ),
];
function first<T>(all: readonly T[]): T {
  const [one] = all;
  if (one === undefined) throw new Error('there is none');
  return one;
}
const aChain = (length: number) =>
  chainOf(
    Array.from({ length }, (_, n) =>
      aNote({ at: instant(AT + n), ...(n % 3 === 0 ? { subject: null, facts: {} } : {}) }),
    ),
  );

function brokenIn(records: readonly AuditRecord[], to = records.length, noted = NO_HEAD) {
  const check = new ChainCheck(digest, noted);
  for (const record of records) check.add(record);
  return check.ends(to);
}

t.test('a chain is whole, and tells its head', async (t) => {
  const entries = aChain(5);
  const check = new ChainCheck(digest);
  for (const entry of entries) check.add(entry);
  t.equal(check.ends(5), undefined);
  t.equal(entries[0]?.chained.previous, FIRST_PREVIOUS);
  t.strictSame(check.head, { seq: 5, hash: entries[4]?.chained.hash });
  t.equal(brokenIn([]), undefined, 'so is an empty one');
});

t.test('what is hashed is told here, letter by letter: others must be able to check', async (t) => {
  const entry = first(chainOf([aNote()]));
  const { actor } = entry.personal;
  t.equal(entry.chained.seals.actor, digest(`${actor?.salt}\n"root"`));
  const { facts } = entry.personal;
  t.equal(entry.chained.seals.facts, digest(`${facts?.salt}\n{"prio":[50,70]}`));
  const { seals } = entry.chained;
  const seal = (field: (typeof PERSONAL_FIELDS)[number]) => JSON.stringify(seals[field] ?? null);
  const text =
    `["godocker-audit-1",1,${AT},"user.change","done","token","user",1,` +
    `[${PERSONAL_FIELDS.map(seal).join(',')}],"${FIRST_PREVIOUS}"]`;
  t.equal(canonicalEntry(entry.chained), text);
  t.equal(entry.chained.hash, digest(text));
});

/** A chain in which one thing was meddled with, and the number at which that must show. */
type Meddle = (entries: AuditEntry[], at: number, random: () => number) => number;

const replaced = (entries: AuditEntry[], at: number, part: object): number => {
  const entry = entries[at];
  if (entry !== undefined) entries[at] = { ...entry, chained: { ...entry.chained, ...part } };
  return at + 1;
};

const MEDDLING: Readonly<Record<string, Meddle>> = {
  'another time': (entries, at) => replaced(entries, at, { at: 7 }),
  'another act': (entries, at) => replaced(entries, at, { act: 'session.open' }),
  'another outcome': (entries, at) => replaced(entries, at, { outcome: 'refused' }),
  'another way': (entries, at) => replaced(entries, at, { via: 'password' }),
  'another kind of subject': (entries, at) => replaced(entries, at, { subjectKind: 'job' }),
  'another count': (entries, at) => replaced(entries, at, { count: 2 }),
  'other seals': (entries, at) => replaced(entries, at, { seals: {} }),
  'another hash': (entries, at) => replaced(entries, at, { hash: digest('x') }),
  'another past': (entries, at) => replaced(entries, at, { previous: digest('x') }),
  'another name': (entries, at) => {
    const entry = entries[at];
    const actor = { salt: 'salt', value: 'mallory' };
    if (entry !== undefined) entries[at] = { ...entry, personal: { ...entry.personal, actor } };
    return at + 1;
  },
  'a name where none was sealed': (entries, at) => {
    const entry = entries[at];
    const actingFor = { salt: 'salt', value: 'mallory' };
    if (entry !== undefined) entries[at] = { ...entry, personal: { ...entry.personal, actingFor } };
    return at + 1;
  },
  'one taken out': (entries, at) => {
    entries.splice(at, 1);
    return at + 1;
  },
  'one twice': (entries, at) => {
    const entry = entries[at];
    if (entry !== undefined) entries.splice(at, 0, entry);
    return at + 2;
  },
  'two exchanged': (entries, at) => {
    const [first, second] = entries.slice(at, at + 2);
    if (first === undefined || second === undefined) return 0;
    entries.splice(at, 2, second, first);
    return at + 1;
  },
  'two exchanged, numbers and all': (entries, at) => {
    const [first, second] = entries.slice(at, at + 2);
    if (first === undefined || second === undefined) return 0;
    const { seq } = first.chained;
    entries.splice(
      at,
      2,
      { ...second, chained: { ...second.chained, seq } },
      { ...first, chained: { ...first.chained, seq: seq + 1 } },
    );
    return at + 1;
  },
  'one made up, hashed rightly': (entries, at) => {
    const before = entries[at - 1]?.chained ?? NO_HEAD;
    const [made] = linkedAll([sealed(aNote({ actor: 'mallory' }), ports)], before, digest);
    if (made !== undefined) entries[at] = made;
    // It is right by itself; the one behind it tells.
    return at + 2;
  },
};

t.test('whatever is meddled with is found, at its place', async (t) => {
  for (const [name, meddle] of Object.entries(MEDDLING)) {
    let found = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const { next: random } = new Chance(seed);
      const length = 3 + Math.floor(random() * 12);
      const entries = aChain(length);
      const place = Math.floor(random() * (length - 1));
      const expected = meddle(entries, place, random);
      const broken = brokenIn(entries, length);
      if (broken?.seq === expected) found++;
      else t.comment(`${name}, seed ${seed}: ${JSON.stringify(broken)}, not ${expected}`);
    }
    t.equal(found, 40, name);
  }
});

t.test('why it is broken is told', async (t) => {
  const because = (change: (entries: AuditEntry[]) => void): BrokenChain['because'] | undefined => {
    const entries = aChain(4);
    change(entries);
    return brokenIn(entries, 4)?.because;
  };
  t.equal(
    because((entries) => void replaced(entries, 1, { act: 'node.drain' })),
    'changed',
  );
  t.equal(
    because((entries) => void entries.splice(1, 1)),
    'missing',
  );
  t.equal(
    because((entries) => void replaced(entries, 1, { previous: 'x' })),
    'unlinked',
  );
  const damaged = [...aChain(2), { seq: 3, damage: 'no JSON' }];
  t.strictSame(brokenIn(damaged), { seq: 3, because: 'damaged' });
  const entries = aChain(4);
  const one = first(entries);
  const facts = { salt: 'x', value: { a: 1 } };
  entries[0] = { ...one, personal: { ...one.personal, facts } };
  t.strictSame(brokenIn(entries), { seq: 1, because: 'unsealed' });
});

t.test('a chain that was cut at its end is found by a head that was noted', async (t) => {
  const entries = aChain(6);
  const noted = entries[5]?.chained ?? NO_HEAD;
  t.equal(brokenIn(entries, 6, noted), undefined);
  t.equal(brokenIn(entries.slice(0, 4), 4), undefined, 'by itself it is whole');
  t.strictSame(brokenIn(entries.slice(0, 4), 4, noted), { seq: 5, because: 'missing' });
  t.strictSame(brokenIn(aChain(6), 6, noted), { seq: 6, because: 'another' });
});

t.test('names can be erased one by one, and the chain stays whole', async (t) => {
  const entries = aChain(3);
  const { chained, personal } = first(entries.slice(1));
  const { actor: _a, remote: _r, ...left } = personal;
  entries[1] = { chained, personal: left };
  const check = new ChainCheck(digest);
  for (const entry of entries) check.add(entry);
  t.equal(check.ends(3), undefined);
  t.equal(check.erased, 2);
  const { actor, remote, subject, erased } = readAudit(first(entries.slice(1)));
  t.strictSame([actor, remote, erased], [null, null, ['actor', 'remote']]);
  t.strictSame(subject, { kind: 'user', id: 'alice' }, 'what others did with it stays');
  t.notOk(JSON.stringify(chained).includes('root'), 'nothing that is chained names anybody');
});

t.test('equal values have different seals: nobody can tell from them who it was', async (t) => {
  const [one, other] = chainOf([aNote(), aNote()]);
  t.not(one?.chained.seals.actor, other?.chained.seals.actor);
});

t.test('texts are harmless wherever they are shown, and none is too long', async (t) => {
  const harmless = 'a\\u{a}b\\u{1b}[2J\\u{202e}\\u{9b}\\u{2028}\\u{0}é';
  t.equal(cleanText('a\nb\u001b[2J\u202e\u009b\u2028\u0000é'), harmless);
  t.equal(cleanText('\ud800'), '\\u{d800}', 'half a character');
  t.equal(cleanText('x'.repeat(9_999)).length, 256);
  const long = `${'x'.repeat(254)}😀😀`;
  t.equal(cleanText(long), `${'x'.repeat(254)}…`, 'never half a character');
  const note = cleanNote(
    aNote({
      ...{ actor: 'ro\not', remote: '\u0007', requestId: 'a\tb', keyId: '\u001b' },
      subject: { kind: 'user', id: 'al\rice' },
      facts: { 'na\nme': ['a\nb', { deep: 'c\u0000' }], many: Array.from({ length: 99 }, () => 1) },
    }),
  );
  t.notMatch(JSON.stringify(note), /[\p{Cc}]|\\n|\\r|\\u00/u);
  const { many } = note.facts;
  t.ok(Array.isArray(many));
  t.equal((many as readonly unknown[]).length, 51);
  t.equal((many as readonly unknown[]).at(-1), '… 49 more');
  const nested = cleanNote(aNote({ facts: { a: { b: { c: { d: { e: { f: 1 } } } } } } }));
  t.match(JSON.stringify(nested.facts), /"…"/);
});

t.test('changes tell what was and what is, of what differs', async (t) => {
  const before = { prio: 50, members: ['a'], quotas: { time: 0, cpu: 1 } };
  const after = { prio: 70, members: ['a'], quotas: { cpu: 1, time: 0 } };
  t.strictSame(auditChanges(before, after), { prio: [50, 70] });
  t.strictSame(auditChanges({}, { a: 1 }), { a: [null, 1] });
});
