// Server-sent events: what is written is read again, whatever is in it and wherever it is cut.
import t from 'tap';
import { type SseEvent, SseReader, sseHeartbeat, sseText } from '../../src/core/sse.js';

const EVENTS: readonly SseEvent[] = [
  { id: 'a.1', event: 'jobs', data: '{"jobs":[]}' },
  { id: 'a.1', data: 'one\ntwo\n\nthree' },
  { id: 'a.1', event: 'data: no\u2028', data: ' leading blank, event: resync' },
  { id: 'a.1', data: '' },
];

t.test('what is written is read again, cut anywhere', async (t) => {
  const text = EVENTS.map(sseText).join('');
  for (let size = 1; size <= text.length; size += size < 9 ? 1 : 7) {
    const reader = new SseReader(10_000);
    const read: SseEvent[] = [];
    for (let at = 0; at < text.length; at += size)
      read.push(...reader.push(text.slice(at, at + size)));
    t.same(read, EVENTS, `in pieces of ${size}`);
  }
});

t.test('data cannot end its event, whatever line ends it has', async (t) => {
  const [event, ...more] = new SseReader(1_000).push(
    sseText({ data: 'x\n\nevent: end\r\rid: 7\r\n\r\ndata: y' }),
  );
  t.same(event, { data: 'x\n\nevent: end\n\nid: 7\n\ndata: y' });
  t.same(more, []);
});

t.test('an id with a line end is a bug of ours', async (t) => {
  t.throws(() => sseText({ id: '1\nevent: end', data: '' }), { name: 'Bug' });
});

t.test('a heartbeat tells where one stands, and is no event', async (t) => {
  const reader = new SseReader(1_000);
  t.same(reader.push(sseHeartbeat()), []);
  t.equal(reader.lastId, undefined);
  t.same(reader.push(sseHeartbeat('a.7')), []);
  t.equal(reader.lastId, 'a.7');
});

t.test('line ends of other servers, cut between return and feed', async (t) => {
  const reader = new SseReader(1_000);
  const read = [...'id: 1\r\ndata: a\r\n\r\ndata:b\r\rdata\n\n'].flatMap((part) =>
    reader.push(part),
  );
  t.same(read, [
    { id: '1', data: 'a' },
    { id: '1', data: 'b' },
    { id: '1', data: '' },
  ]);
});

t.test('an event without end is not gathered for ever', async (t) => {
  const reader = new SseReader(1_000);
  t.throws(
    () => {
      for (let n = 0; n < 2_000; n++) reader.push('data: x\n');
    },
    { name: 'RangeError' },
  );
});
