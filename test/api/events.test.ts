// Event streams over a real connection: who gets one, what is in it, how it ends.
import t from 'tap';
import {
  EVENT_STREAMS_PER_USER_MAX,
  EVENTS_BEAT_MS,
  EVENTS_HELD_MAX,
} from '../../src/contracts/limits.js';
import type { JobNote } from '../../src/contracts/live.js';
import type { SseEvent } from '../../src/core/sse.js';
import { jobId, userId } from '../../src/core/units.js';
import { waitFor } from '../support/waiting.js';
import { aStreamServer, type Heard } from './a-stream-server.js';

const ALICE = userId('alice');
const BOB = userId('bob');
const note = (id: number, version: number, owner = ALICE): JobNote => ({
  jobId: jobId(id),
  version,
  owner,
});

const names = (heard: Heard): readonly string[] => heard.events.map(({ event = '' }) => event);
const jobsOf = ({ data }: SseEvent): unknown => JSON.parse(data).jobs;

t.test('a stream tells its owner, in a form that proxies let pass', async (t) => {
  const { open, tell, time } = await aStreamServer(t);
  const heard = await open('events');
  await time.pass(10);
  t.match(heard.answer.headers, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': /no-store/,
    'x-accel-buffering': 'no',
  });
  await waitFor('the first event', 20_000, () => heard.events.length === 1);
  t.same(names(heard), ['resync']);
  await tell(note(1, 2), note(2, 7, BOB), note(1, 3));
  await waitFor('a change', 20_000, () => heard.events.length === 2);
  const [, jobs] = heard.events;
  t.same(jobs === undefined ? null : jobsOf(jobs), [{ id: 1, version: 3 }]);
  t.match(heard.text(), /^retry: \d+\n/);
});

t.test('everybody’s changes are for administrators', async (t) => {
  const { open, tell, time, tokenOf } = await aStreamServer(t);
  const refused = await open('events?all=1');
  t.equal(refused.answer.statusCode, 403);
  const heard = await open('events?all=1', { token: await tokenOf('root') });
  const own = await open('events', { token: await tokenOf('root') });
  await time.pass(10);
  await tell(note(1, 2), note(2, 7, BOB));
  await waitFor('the changes', 20_000, () => heard.events.length === 2);
  t.same(heard.events.slice(1).map(jobsOf), [
    [
      { id: 1, version: 2 },
      { id: 2, version: 7 },
    ],
  ]);
  t.same(names(own), ['resync'], 'not asked for, not told');
});

t.test('who comes back with an id goes on there, by header or query', async (t) => {
  const { open, tell, time } = await aStreamServer(t);
  const first = await open('events');
  await time.pass(10);
  await tell(note(1, 1));
  await waitFor('a change', 20_000, () => first.events.length === 2);
  const id = first.events[1]?.id ?? '';
  first.leave();
  await tell(note(5, 2), note(6, 1, BOB));
  for (const again of [
    await open('events', { headers: { 'last-event-id': id } }),
    await open(`events?last_event_id=${encodeURIComponent(id)}`),
  ]) {
    await time.pass(10);
    await waitFor('what was missed', 20_000, () => again.events.length === 1);
    t.same(again.events.map(jobsOf), [[{ id: 5, version: 2 }]]);
  }
  const lost = await open('events', { headers: { 'last-event-id': 'of-another-server.12' } });
  await time.pass(10);
  await waitFor('that something was missed', 20_000, () => lost.events.length === 1);
  t.same(names(lost), ['resync']);
  const bad = await open('events', { headers: { 'last-event-id': 'x'.repeat(1_000) } });
  t.equal(bad.answer.statusCode, 400);
});

t.test('a heartbeat keeps the place of who has nothing to hear', async (t) => {
  const { open, tell, time } = await aStreamServer(t);
  const heard = await open('events');
  await time.pass(10);
  await tell(note(2, 7, BOB));
  await time.pass(EVENTS_BEAT_MS);
  await waitFor('a heartbeat', 20_000, () => heard.text().includes('\n:\n'));
  const id = /\n:\nid: (\S+)\n\n/.exec(heard.text())?.[1] ?? '';
  heard.leave();
  await tell(note(3, 1));
  const again = await open('events', { headers: { 'last-event-id': id } });
  await time.pass(10);
  await waitFor('what was missed', 20_000, () => again.events.length === 1);
  t.same(again.events.map(jobsOf), [[{ id: 3, version: 1 }]]);
});

t.test('a key that is revoked ends its streams', async (t) => {
  const { open, time, store } = await aStreamServer(t);
  const heard = await open('events');
  await time.pass(EVENTS_BEAT_MS);
  t.notOk(heard.isOver());
  await store.changeUser(ALICE, (user) => (user === undefined ? user : { ...user, keys: [] }));
  await time.pass(EVENTS_BEAT_MS + 10);
  await waitFor('the end', 20_000, () => heard.isOver());
  t.match(heard.events.at(-1), { event: 'end', data: '{"because":"signed-out"}' });
});

t.test('who is no administrator any more hears no more of others', async (t) => {
  const { open, time, store, tokenOf } = await aStreamServer(t);
  const token = await tokenOf('root');
  const all = await open('events?all=1', { token });
  const own = await open('events', { token });
  await store.changeUser(userId('root'), (user) =>
    user === undefined ? user : { ...user, isAdmin: false },
  );
  await time.pass(EVENTS_BEAT_MS + 10);
  await waitFor('the end', 20_000, () => all.isOver());
  t.notOk(own.isOver(), 'their own they may have');
});

t.test('a directory that is away for a moment ends nothing', async (t) => {
  const { open, time, store } = await aStreamServer(t);
  const heard = await open('events');
  const { user } = store;
  store.user = async () => {
    throw new Error('away');
  };
  await time.pass(EVENTS_BEAT_MS + 10);
  await waitFor('a heartbeat', 20_000, () => heard.text().includes('\n:\n'));
  store.user = user;
  t.notOk(heard.isOver());
});

t.test('one user has so many streams; who leaves makes room', async (t) => {
  const { open, deps, tokenOf } = await aStreamServer(t);
  const streams: Heard[] = [];
  for (let n = 0; n < EVENT_STREAMS_PER_USER_MAX; n++) streams.push(await open('events'));
  const refused = await open('events');
  t.equal(refused.answer.statusCode, 429);
  t.equal((await open('events', { token: await tokenOf('bob') })).answer.statusCode, 200);
  for (const stream of streams) stream.leave();
  await waitFor('all to be forgotten', 20_000, () => deps.streams.events.size === 1);
  t.equal(deps.streams.feed.size, 1);
  t.equal((await open('events')).answer.statusCode, 200);
});

t.test('the server stops: streams end whole, and the next one at once', async (t) => {
  const { open, deps, time } = await aStreamServer(t);
  const heard = await open('events');
  await time.pass(10);
  await deps.streams.stop();
  await waitFor('the end', 20_000, () => heard.isOver());
  t.ok(heard.answer.complete, 'not cut');
  t.match(heard.events.at(-1), { event: 'end', data: '{"because":"stopping"}' });
  const late = await open('events');
  await waitFor('the end', 20_000, () => late.isOver());
  t.same(names(late), ['end']);
});

t.test('who does not read is not waited for, and costs little', async (t) => {
  const { open, tell, deps, time } = await aStreamServer(t);
  const slow = await open('events');
  await time.pass(10);
  slow.answer.pause();
  const lots = (turn: number): readonly JobNote[] =>
    Array.from({ length: EVENTS_HELD_MAX }, (_, n) => note(1 + n, turn));
  const before = process.memoryUsage().external;
  for (let turn = 0; turn < 400; turn++) await tell(...lots(turn), note(5_000 + turn, 1));
  t.ok(process.memoryUsage().external - before < 50e6);
  t.equal(deps.streams.events.size, 1);
  slow.answer.resume();
  await waitFor('that something was missed', 20_000, () => names(slow).lastIndexOf('resync') > 0);
  await tell(note(1, 1_000));
  await waitFor('what came later', 20_000, () => names(slow).at(-1) === 'jobs');
});

t.test('a stream for a while, and none for a look at its head', async (t) => {
  const { open, time, ask, deps } = await aStreamServer(t);
  const heard = await open('events?seconds=3');
  await time.pass(2_900);
  t.notOk(heard.isOver());
  await time.pass(200);
  await waitFor('the end', 20_000, () => heard.isOver());
  t.match(heard.events.at(-1), { event: 'end', data: '{"because":"time"}' });
  t.equal((await ask('/api/1.0/events', { method: 'HEAD' })).statusCode, 200);
  await waitFor('it to be forgotten', 20_000, () => deps.streams.events.size === 0);
});
