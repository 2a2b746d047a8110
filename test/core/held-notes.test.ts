// What waits for a slow listener: the newest of each job, and never more than the bound.
import t from 'tap';
import { HeldNotes } from '../../src/core/held-notes.js';
import { jobId } from '../../src/core/units.js';

const note = (id: number, version: number | null) => ({ jobId: jobId(id), version });

t.test('many changes of one job are one', async (t) => {
  const held = new HeldNotes(10);
  held.add([note(1, 3), note(2, 1)], 'a');
  held.add([note(1, 5), note(1, 4)], 'b');
  t.same(held.take(), {
    kind: 'jobs',
    cursor: 'b',
    versions: new Map([
      [1, 5],
      [2, 1],
    ]),
  });
  t.same(held.take(), { kind: 'nothing' });
});

t.test('a version that is not known may be newer than any that is', async (t) => {
  const held = new HeldNotes(10);
  held.add([note(1, 3), note(1, null), note(1, 4)], 'a');
  t.match(held.take(), { versions: new Map([[1, null]]) });
});

t.test('beyond the bound all must be read again, once', async (t) => {
  const held = new HeldNotes(2);
  held.add([note(1, 1), note(2, 1), note(3, 1)], 'a');
  held.add([note(4, 1)], 'b');
  t.same(held.take(), { kind: 'missed', cursor: 'b' });
  t.same(held.take(), { kind: 'nothing' });
  held.add([note(4, 2)], 'c');
  t.match(held.take(), { kind: 'jobs', cursor: 'c' });
});

t.test('nothing for the listener is nothing', async (t) => {
  const held = new HeldNotes(2);
  t.same(held.take(), { kind: 'nothing' });
  held.add([], 'a');
  t.same(held.take(), { kind: 'nothing' });
});
