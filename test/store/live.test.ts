// What needs no Redis: letters between processes, and news of a store that only says that something changed.
import t from 'tap';
import { LETTER_IDS_MAX, NEWS_RESYNC_EACH_MS } from '../../src/contracts/limits.js';
import type { News } from '../../src/contracts/live.js';
import { jobId } from '../../src/core/units.js';
import { ChangeNews } from '../../src/store/live/change-news.js';
import { LocalLive } from '../../src/store/live/local-live.js';
import { Letter, readLetter, readOut } from '../../src/store/redis/letter.js';
import { FakeTime } from '../support/fake-time.js';

/** A store whose changes a test makes. */
function feed() {
  const watches = new Set<() => void>();
  return {
    watch: (changed: () => void) => {
      const watch = () => changed();
      watches.add(watch);
      return () => void watches.delete(watch);
    },
    change: () => {
      for (const changed of watches) changed();
    },
    watches,
  };
}

t.test('a letter says all that gathered, once', async (t) => {
  const letter = new Letter();
  letter.tell.submitted([jobId(3), jobId(4)]);
  letter.tell.submitted([jobId(4)]);
  letter.tell.killWanted(jobId(9));
  letter.tell.killWanted(jobId(9));
  letter.tell.bulletinChanged();
  const read = readLetter(letter.text('me'));
  t.match(read, { from: 'me', submitted: [3, 4], kills: [9], holds: [], agents: false });
  const heard: unknown[] = [];
  if (read !== undefined)
    readOut(read, {
      submitted: (ids) => heard.push(ids),
      killWanted: (id) => heard.push(id),
      holdChanged: (id) => heard.push(['hold', id]),
      agentsChanged: () => heard.push('agents'),
      bulletinChanged: () => heard.push('bulletin'),
      changed: () => heard.push('changed'),
    });
  t.same(heard, [[3, 4], 9, 'bulletin']);
});

t.test('of too many jobs a letter says that something changed', async (t) => {
  const ids = Array.from({ length: LETTER_IDS_MAX }, (_, n) => jobId(n + 1));
  const full = new Letter();
  full.tell.submitted(ids);
  t.match(readLetter(full.text('x')), { submitted: { length: LETTER_IDS_MAX }, changed: false });
  const over = new Letter();
  over.tell.submitted([...ids, jobId(5_000), jobId(5_001)]);
  over.tell.killWanted(jobId(1));
  t.match(readLetter(over.text('x')), { submitted: [], kills: [1], changed: true });
});

t.test('a letter of nobody is none; what is odd in one is left out', async (t) => {
  for (const text of ['', '{', '1', 'null', '[]', '{"submitted":[1]}', '{"from":1}'])
    t.equal(readLetter(text), undefined, text);
  const odd = '{"from":"x","submitted":[1,"2",-3,0,1.5,null,7],"kills":"all","agents":1,"new":2}';
  t.match(readLetter(odd), { submitted: [1, 7], kills: [], agents: false, changed: false });
});

t.test('where only changes are told, listeners read again, and not without pause', async (t) => {
  const time = new FakeTime();
  const { watch, change, watches } = feed();
  const news = new ChangeNews({ watch }, time, 'e');
  const heard: News[] = [];
  const end = news.follow(null, (one) => heard.push(one));
  t.match(heard, [{ kind: 'resync', cursor: 'e.1' }]);
  for (let n = 0; n < 50; n++) change();
  t.equal(heard.length, 2, 'at once');
  await time.pass(NEWS_RESYNC_EACH_MS);
  t.equal(heard.length, 3, 'and what came meanwhile after a pause');
  await time.pass(10 * NEWS_RESYNC_EACH_MS);
  t.equal(heard.length, 3, 'nothing changed');
  change();
  t.equal(heard.length, 4);
  end();
  t.equal(watches.size, 0, 'nobody looks at the store any more');
  change();
  await time.pass(10 * NEWS_RESYNC_EACH_MS);
  t.equal(heard.length, 4);
});

t.test('the store is watched only for those who want to know of any change', async (t) => {
  const { watch, change, watches } = feed();
  const live = new LocalLive({ changes: { watch }, timers: new FakeTime(), epoch: 'e' });
  live.hear({ bulletinChanged: () => undefined });
  t.equal(watches.size, 0);
  let changes = 0;
  live.hear({
    changed: () => {
      changes += 1;
    },
  });
  change();
  t.equal(changes, 1);
  await live.close();
  t.equal(watches.size, 0);
});
