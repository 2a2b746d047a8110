// Who hears of which changes: owners of theirs, in whatever order things happen, and nothing is lost without being told so.
import t from 'tap';
import { JobFeed } from '../../src/api/job-feed.js';
import { EVENTS_WAITING_MAX } from '../../src/contracts/limits.js';
import type { JobNote, News } from '../../src/contracts/live.js';
import { SILENT } from '../../src/contracts/log.js';
import type { Job } from '../../src/core/job.js';
import { type JobId, jobId, type UserId, userId } from '../../src/core/units.js';
import { OwnNews } from '../../src/store/live/own-news.js';
import { FakeTime } from '../support/fake-time.js';

const ALICE = userId('alice');
const BOB = userId('bob');

function aFeed(owners: ReadonlyMap<JobId, UserId> = new Map()) {
  const time = new FakeTime();
  const news = new OwnNews('e');
  const asked: (readonly JobId[])[] = [];
  const trouble = { isAway: false };
  const store = {
    jobs: async (ids: readonly JobId[]) => {
      asked.push(ids);
      if (trouble.isAway) throw new Error('away');
      const found = ids.flatMap((id) => {
        const owner = owners.get(id);
        return owner === undefined ? [] : [[id, { owner } as Job] as const];
      });
      return new Map(found);
    },
  };
  const feed = new JobFeed({ news, store, clock: time, timers: time, log: SILENT });
  feed.start();
  return { time, news, feed, asked, trouble };
}

const note = (id: number, version: number | null, owner?: UserId): JobNote => ({
  jobId: jobId(id),
  version,
  ...(owner === undefined ? {} : { owner }),
});

const idsOf = (heard: readonly News[]): readonly (readonly number[] | string)[] =>
  heard.map((news) => (news.kind === 'resync' ? 'resync' : news.notes.map((one) => one.jobId)));

t.test('owners hear of theirs, administrators of all who asked', async (t) => {
  const { time, news, feed } = aFeed();
  const heard: Record<string, News[]> = { alice: [], bob: [], all: [] };
  feed.follow(ALICE, null, (one) => heard.alice?.push(one));
  feed.follow(BOB, null, (one) => heard.bob?.push(one));
  feed.follow(null, null, (one) => heard.all?.push(one));
  await time.pass(1_000);
  news.publish([note(1, 1, ALICE), note(2, 1, BOB)]);
  await time.pass(1_000);
  t.same(idsOf(heard.alice ?? []), ['resync', [1]]);
  t.same(idsOf(heard.bob ?? []), ['resync', [2]]);
  t.same(idsOf(heard.all ?? []), ['resync', [1, 2]]);
});

t.test('who is told without an owner is looked up, together and once', async (t) => {
  const { time, news, feed, asked } = aFeed(new Map([[jobId(1), ALICE]]));
  const heard: News[] = [];
  news.publish([note(1, null)]);
  await time.pass(1_000);
  t.same(asked, [], 'nobody listens');
  feed.follow(ALICE, null, (one) => heard.push(one));
  await time.pass(1_000);
  news.publish([note(1, null)]);
  news.publish([note(2, null), note(3, 1, BOB)]);
  await time.pass(1_000);
  news.publish([note(1, null)]);
  await time.pass(1_000);
  t.same(asked, [[1, 2]]);
  t.same(idsOf(heard), ['resync', [1], [1]]);
});

t.test('changes are told at most four times a second', async (t) => {
  const { time, news, feed } = aFeed();
  const heard: News[] = [];
  feed.follow(ALICE, null, (one) => heard.push(one));
  await time.pass(1_000);
  for (let n = 0; n < 1_000; n++) {
    news.publish([note(1 + (n % 7), n, ALICE)]);
    await time.pass(1);
  }
  await time.pass(1_000);
  t.ok(heard.length <= 1 + 5, `${heard.length} times`);
  t.equal(heard.flatMap((one) => (one.kind === 'notes' ? one.notes : [])).length, 1_000);
});

t.test('who comes back goes on where it stood', async (t) => {
  const { time, news, feed, asked } = aFeed(new Map([[jobId(3), ALICE]]));
  const heard: News[] = [];
  const leave = feed.follow(ALICE, null, (one) => heard.push(one));
  await time.pass(1_000);
  leave();
  t.equal(feed.size, 0);
  news.publish([note(1, 1, ALICE), note(2, 1, BOB)]);
  await time.pass(1_000);
  news.publish([note(3, null)]);
  await time.pass(1_000);
  t.same(asked, []);
  feed.follow(ALICE, heard[0]?.cursor ?? '', (one) => heard.push(one));
  await time.pass(0);
  t.same(idsOf(heard), ['resync', [1, 3]]);
  feed.follow(ALICE, feed.head, (one) => heard.push(one));
  await time.pass(0);
  t.same(idsOf(heard).at(-1), [], 'nothing was missed');
  feed.follow(ALICE, 'another.7', (one) => heard.push(one));
  await time.pass(0);
  t.same(idsOf(heard).at(-1), 'resync');
});

t.test('a store that is away: all read again', async (t) => {
  const { time, news, feed, trouble } = aFeed();
  const heard: News[] = [];
  feed.follow(ALICE, null, (one) => heard.push(one));
  await time.pass(1_000);
  const before = feed.head;
  trouble.isAway = true;
  news.publish([note(1, null)]);
  await time.pass(1_000);
  trouble.isAway = false;
  t.same(idsOf(heard), ['resync', 'resync']);
  feed.follow(ALICE, before, (one) => heard.push(one));
  await time.pass(0);
  t.same(idsOf(heard).at(-1), 'resync', 'nobody goes on over the gap');
});

t.test('what waits is bounded', async (t) => {
  const { time, news, feed } = aFeed();
  const heard: News[] = [];
  feed.follow(ALICE, null, (one) => heard.push(one));
  await time.pass(1_000);
  news.publish(Array.from({ length: EVENTS_WAITING_MAX + 1 }, (_, n) => note(1 + n, 1, ALICE)));
  news.publish([note(1, 2, ALICE)]);
  await time.pass(1_000);
  t.same(idsOf(heard), ['resync', 'resync']);
});

t.test('after the end nothing is told', async (t) => {
  const { time, news, feed } = aFeed();
  const heard: News[] = [];
  feed.follow(ALICE, null, (one) => heard.push(one));
  await time.pass(1_000);
  feed.stop();
  news.publish([note(1, 1, ALICE)]);
  feed.follow(ALICE, null, (one) => heard.push(one));
  await time.pass(1_000);
  t.same(idsOf(heard), ['resync']);
});
