/** `/task/{id}/log`: what a job writes, while it writes. */
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import { CURSOR_CHARS_MAX } from '../../contracts/limits.js';
import { jobFor } from '../access.js';
import { EVENT_STREAM, EventStream } from '../event-stream.js';
import { flag, JOB_ID, text, wire } from '../fields.js';
import { LogFollower, type LogPlace, readPlace } from '../log-follower.js';
import { type Call, type Route, route } from '../route.js';
import { rightOf } from '../standing-right.js';

const bytes = text(
  (value) => /^\d{1,15}$/.test(value),
  'must be a whole number of bytes, at least 0',
)
  .transform(Number)
  .meta(wire({ type: 'integer', minimum: 0, maximum: 999_999_999_999_999 }));
const place = text(
  (value) => value.length <= CURSOR_CHARS_MAX && readPlace(value) !== undefined,
  'must be the id of an event of this log',
).transform((value) => readPlace(value) ?? BEGINNING);

const BEGINNING: LogPlace = { identity: null, offset: 0 };
const QUERY = {
  stream: z
    .enum(['god.log', 'god.err'], { error: 'must be god.log or god.err' })
    .default('god.log')
    .describe('Output or errors.'),
  follow: flag.describe('The stream ends when the job is over; else with what is there now.'),
  from: bytes.optional().describe('Byte to begin with.'),
  tail: bytes.optional().describe('Instead: so many bytes before the end of what is there.'),
  last_event_id: place
    .optional()
    .describe('As the header `Last-Event-ID`, for clients that cannot set it.'),
};
const HEADERS = {
  'Last-Event-ID': place.optional().describe('`id` of the last event: the stream goes on there.'),
};

export const LOG_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/task/:id/log',
    tag: 'files',
    access: 'own-job',
    summary: "Read a job's output while it is written",
    description: [
      'Server-sent events. `log` has `{"offset", "text"}`, or `base64` in place of the text where bytes are not UTF-8; control characters are as the job wrote them.',
      '`truncated`: the file is shorter than what was sent; `replaced`: it is another file, as after another launch; both begin again at 0. `end` has `because`:',
      '`complete`, `missing`, `signed-out`, `stopping`, `trouble` (come back).',
    ].join(' '),
    params: JOB_ID,
    query: QUERY,
    headers: HEADERS,
    answers: { 200: EVENT_STREAM },
    errors: ['rate-limited', 'forbidden', 'bad-path'],
    examples: [
      { name: 'of a job that is over', params: { id: 3 }, query: { follow: 1 } },
      { name: 'its end', params: { id: 3 }, query: { follow: 1, tail: 3 } },
      {
        name: 'another file',
        params: { id: 3 },
        query: { stream: 'god.secret' },
        status: 400,
        answer: { code: 'bad-field', field: 'stream' },
      },
    ],
    handle: follow,
  }),
];

async function follow(
  call: Call<'own-job', typeof JOB_ID, typeof QUERY, typeof HEADERS>,
): Promise<undefined> {
  const { context, deps, person, job, query, headers, params } = call;
  const { streams, timers, log, files, store } = deps;
  streams.logs.check(person.id);
  const asked = headers['Last-Event-ID'] ?? query.last_event_id;
  // Before anything is sent: a file that may not be read is still a proper refusal.
  const size = await sizeOf(call);
  const offset = query.from ?? (query.tail === undefined ? 0 : Math.max(0, size - query.tail));
  const stream = new EventStream({
    ...{ timers, log, cursor: () => undefined },
    isAllowed: rightOf(call, (now) => jobFor(deps, now, params.id).then(() => true)),
  });
  const follower = new LogFollower(
    { store, files, clock: streams.clock, timers, log },
    { file: query.stream, job, place: asked ?? { identity: null, offset } },
    stream,
  );
  const leaveFeed = streams.feed.follow(job.owner, null, (news) => {
    if (news.kind === 'resync' || news.notes.some(({ jobId }) => jobId === job.id))
      follower.jobChanged();
  });
  const leaveRoom = streams.logs.enter(person.id, stream);
  stream.whenRead = () => follower.wake();
  stream.whenLeft = () => {
    leaveFeed();
    leaveRoom();
    follower.wake();
  };
  stream.answer(context);
  void follower.run(query.follow);
}

/** Of what is there; a file that is not there yet has none. @throws ServiceError `forbidden`, `bad-path` */
async function sizeOf({
  deps,
  job,
  query,
}: Pick<
  Call<'own-job', typeof JOB_ID, typeof QUERY, typeof HEADERS>,
  'deps' | 'job' | 'query'
>): Promise<number> {
  try {
    const found = await deps.files.find(job, query.stream);
    const { close } = found.kind === 'dir' ? found.directory : found.file;
    await close();
    return found.kind === 'dir' ? 0 : found.file.size;
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'file-not-found') return 0;
    throw error;
  }
}
