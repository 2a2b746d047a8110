/** `/events`: which jobs changed, as it happens. Contents are asked for by the routes that have them. */
import { ServiceError } from '../../contracts/errors.js';
import { CURSOR_CHARS_MAX, EVENTS_HELD_MAX } from '../../contracts/limits.js';
import { HeldNotes } from '../../core/held-notes.js';
import { EVENT_STREAM, EventStream } from '../event-stream.js';
import { count, flag, text } from '../fields.js';
import { type Call, type None, type Route, route } from '../route.js';
import { rightOf } from '../standing-right.js';

const cursor = text(
  (value) => value.length <= CURSOR_CHARS_MAX,
  `must have at most ${CURSOR_CHARS_MAX} characters`,
);
const QUERY = {
  all: flag.describe("Everybody's jobs; administrators only."),
  last_event_id: cursor
    .optional()
    .describe('As the header `Last-Event-ID`, for clients that cannot set it.'),
  seconds: count
    .optional()
    .describe('The stream ends after so many; 0: once what was missed is told. Absent: never.'),
};
const HEADERS = {
  'Last-Event-ID': cursor.optional().describe('`id` of the last event: the stream goes on there.'),
};

export const EVENT_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/events',
    tag: 'jobs',
    access: 'signed-in',
    summary: 'Hear of changes of jobs as they happen',
    description: [
      'Server-sent events. `jobs` has `{"jobs": [{"id", "version"}]}`: records of these jobs are newer than what you may have; version null: not known.',
      '`resync`: something may have been missed, read again what you show; the first event, unless the id of a former stream is still known. `end` has',
      '`because`: `signed-out`, `stopping` (come back), `time`. Changes come together at most four times a second; every 15 seconds something comes.',
    ].join(' '),
    query: QUERY,
    headers: HEADERS,
    answers: { 200: EVENT_STREAM },
    errors: ['forbidden', 'rate-limited'],
    examples: [
      { name: 'where things stand', query: { seconds: 0 } },
      { name: 'of everybody', query: { seconds: 0, all: 1 }, as: 'root' },
      {
        name: 'of everybody, for a user',
        query: { seconds: 0, all: 1 },
        status: 403,
        answer: { code: 'forbidden' },
      },
    ],
    handle: events,
  }),
];

function events(call: Call<'signed-in', None, typeof QUERY, typeof HEADERS>): undefined {
  const { context, deps, person, query, headers } = call;
  const { streams, timers, log } = deps;
  if (query.all && !person.isAdmin)
    throw new ServiceError('forbidden', "only administrators may hear of everybody's jobs", {
      field: 'all',
    });
  streams.events.check(person.id);
  const { seconds } = query;
  let hasJoined = false;
  const held = new HeldNotes(EVENTS_HELD_MAX);
  const right = rightOf(call, (now) => !query.all || now.isAdmin);
  const stream: EventStream = new EventStream({
    ...{ timers, log, isAllowed: right },
    // While something is held the listener does not stand at the head.
    cursor: () => (hasJoined && stream.isRead ? streams.feed.head : undefined),
  });
  const flush = (): void => {
    if (!stream.isRead) return;
    const told = held.take();
    if (told.kind === 'missed') stream.send({ id: told.cursor, event: 'resync', data: '{}' });
    if (told.kind !== 'jobs') return;
    const jobs = [...told.versions].map(([id, version]) => ({ id, version }));
    stream.send({ id: told.cursor, event: 'jobs', data: JSON.stringify({ jobs }) });
  };
  const after = headers['Last-Event-ID'] ?? query.last_event_id ?? null;
  const leaveFeed = streams.feed.follow(query.all ? null : person.id, after, (news) => {
    if (news.kind === 'resync') held.miss(news.cursor);
    else held.add(news.notes, news.cursor);
    flush();
    if (!hasJoined && seconds === 0) stream.end('time');
    hasJoined = true;
  });
  const limit =
    seconds === undefined || seconds === 0
      ? undefined
      : timers.after(seconds * 1_000, () => stream.end('time'));
  const leaveRoom = streams.events.enter(person.id, stream);
  stream.whenRead = flush;
  stream.whenLeft = () => {
    leaveFeed();
    leaveRoom();
    limit?.cancel();
  };
  stream.answer(context);
}
