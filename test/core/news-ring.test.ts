import t from 'tap';
import { NewsRing } from '../../src/core/news-ring.js';

const filled = (entries: number, max: number): NewsRing<number> => {
  const ring = new NewsRing<number>('e.0', max);
  for (let n = 1; n <= entries; n++) ring.append({ cursor: `e.${n}`, notes: [n] });
  return ring;
};

const notesAfter = (ring: NewsRing<number>, cursor: string) =>
  ring.after(cursor)?.flatMap(({ notes }) => notes);

t.test('who knows where it stood gets what came after', async (t) => {
  const ring = filled(5, 10);
  t.equal(ring.head, 'e.5');
  t.same(notesAfter(ring, 'e.0'), [1, 2, 3, 4, 5]);
  t.same(notesAfter(ring, 'e.3'), [4, 5]);
  t.same(notesAfter(ring, 'e.5'), []);
});

t.test('a cursor of elsewhere is not known', async (t) => {
  for (const cursor of ['', 'e.6', 'f.3', 'e.-1'])
    t.equal(filled(5, 10).after(cursor), undefined, cursor);
  t.same(filled(0, 10).after('e.0'), [], 'an empty ring knows its beginning');
});

t.test('the last ones are kept, however many came', async (t) => {
  for (const entries of [19, 20, 21, 29, 30, 1_000]) {
    const ring = filled(entries, 10);
    t.same(notesAfter(ring, `e.${entries - 10}`)?.length, 10, `of ${entries}`);
    t.equal(ring.after(`e.${entries - 25}`), undefined, 'and what is long gone is told as such');
  }
  const trimmed = filled(20, 10);
  t.equal(trimmed.after('e.9'), undefined);
  t.same(notesAfter(trimmed, 'e.10')?.length, 10, 'the one before the first is still known');
});

t.test('it is notes that are counted, and the newest entry stays however large', async (t) => {
  const ring = new NewsRing<number>('e.0', 10);
  const many = Array.from({ length: 100 }, (_, n) => n);
  ring.append({ cursor: 'e.1', notes: [1] });
  ring.append({ cursor: 'e.2', notes: many });
  t.equal(ring.after('e.0'), undefined);
  t.same(notesAfter(ring, 'e.1'), many);
  ring.append({ cursor: 'e.3', notes: [] });
  t.equal(ring.after('e.1'), undefined);
  t.same(notesAfter(ring, 'e.2'), []);
});
