import t from 'tap';
import {
  decodeCall,
  decodeEvent,
  encodeCall,
  encodeEvent,
  JSON_TYPE,
  type MediaType,
  PROTOBUF_TYPE,
} from '../../src/mesos/codec.js';
import { encodeRecord, RecordDecoder } from '../../src/mesos/recordio.js';
import { lines, mediaTypeOf, records, transcript, transcripts } from './transcript.js';

const BOTH: readonly MediaType[] = [JSON_TYPE, PROTOBUF_TYPE];
const SEED = Number(process.env.SEED ?? 20_261_121);

/** Numbers in [0, 1); the same ones for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function decodeAll(chunks: Iterable<Buffer>): Buffer[] {
  const decoder = new RecordDecoder();
  // Copied: some of the cuts below share one buffer.
  return [...chunks].flatMap((chunk) => decoder.push(chunk).map((record) => Buffer.from(record)));
}

function* randomly(bytes: Buffer, random: () => number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    // Mostly tiny pieces, so that lengths and their newlines are cut too.
    const size = random() < 0.5 ? 1 + Math.floor(random() * 4) : 1 + Math.floor(random() * 4_000);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const streams = transcripts('.recordio').filter((name) => !name.startsWith('calls-'));

t.test('there are transcripts', async (t) => {
  t.ok(streams.length >= 38, `${streams.length} streams`);
});

for (const name of streams)
  t.test(`${name} is the same however it is cut`, async (t) => {
    const bytes = transcript(name);
    const whole = records(bytes);
    t.ok(whole.length > 0);
    t.ok(Buffer.concat(whole.map(encodeRecord)).equals(bytes), 'nothing is left over');
    const oneByOne = Array.from(bytes, (byte) => Buffer.from([byte]));
    t.ok(same(decodeAll(oneByOne), whole), 'byte by byte');
    const random = seeded(SEED);
    for (let round = 0; round < 5; round++)
      t.ok(same(decodeAll(randomly(bytes, random)), whole), `at random, SEED=${SEED}`);
  });

const same = (a: readonly Buffer[], b: readonly Buffer[]): boolean =>
  a.length === b.length && a.every((record, index) => record.equals(b[index] ?? Buffer.alloc(0)));

for (const name of streams)
  t.test(`${name} reads as it was meant`, async (t) => {
    const all = records(transcript(name));
    const mediaType = mediaTypeOf(all[0]);
    const events = all.map((record) => decodeEvent(record, mediaType));
    const recorded =
      mediaType === JSON_TYPE
        ? all.map((record) => JSON.parse(String(record)) as unknown)
        : undefined;
    if (recorded !== undefined) t.strictSame(events, recorded, 'as its JSON says');
    for (const [index, event] of events.entries()) {
      for (const type of BOTH)
        t.strictSame(
          decodeEvent(encodeEvent(event, type), type),
          event,
          `${event.type} in ${type}`,
        );
      if (mediaType === PROTOBUF_TYPE)
        t.ok(encodeEvent(event, mediaType).equals(all[index] ?? Buffer.alloc(0)), 'the same bytes');
    }
  });

t.test('binary events read as the recorder read them', async (t) => {
  const all = records(transcript('protobuf-subscribe-mesos-1.12.0.recordio'));
  t.strictSame(
    all.map((record) => decodeEvent(record, PROTOBUF_TYPE)),
    // The recorder wrote 64-bit numbers as text, which JSON may do.
    lines('protobuf-subscribe-mesos-1.12.0.jsonl').map((event) =>
      decodeEvent(Buffer.from(JSON.stringify(event)), JSON_TYPE),
    ),
  );
});

t.test('recorded binary calls are ours byte by byte', async (t) => {
  const calls = records(transcript('calls-protobuf-mesos-1.12.0.recordio'));
  t.ok(calls.length >= 16);
  for (const bytes of calls) {
    const call = decodeCall(bytes, PROTOBUF_TYPE);
    t.ok(encodeCall(call, PROTOBUF_TYPE).equals(bytes), `${call.type}`);
    t.strictSame(decodeCall(encodeCall(call, JSON_TYPE), JSON_TYPE), call);
  }
});

t.test('recorded JSON calls keep all that the protocol knows', async (t) => {
  const calls = records(transcript('calls-json-mesos-1.12.0.recordio'));
  t.ok(calls.length >= 190);
  const odd: string[] = [];
  for (const bytes of calls) {
    const call = decodeCall(bytes, JSON_TYPE);
    for (const type of BOTH) t.strictSame(decodeCall(encodeCall(call, type), type), call);
    collectLost(JSON.parse(String(bytes)) as unknown, call, '', odd);
  }
  // The recording has these on purpose: two fields and three enum names that this master does not know.
  t.strictSame([...new Set(odd)].sort(), [
    'accept.operations.0.type: BOGUS',
    'bogus: 1',
    'subscribe.force: true',
    'subscribe.framework_info.capabilities.0.type: NO_SUCH_CAP',
    'type: FOO',
  ]);
});

/** Notes what `sent` has and `read` lacks; absent, null and empty are the same in the protocol. */
function collectLost(sent: unknown, read: unknown, path: string, lost: string[]): void {
  if (sent === null || sent === undefined || sent === read) return;
  if (typeof sent !== 'object') {
    lost.push(`${path}: ${sent}`);
    return;
  }
  for (const [key, value] of Object.entries(sent)) {
    const ours = typeof read === 'object' && read !== null ? Reflect.get(read, key) : undefined;
    collectLost(value, ours, path === '' ? key : `${path}.${key}`, lost);
  }
}

t.test('what a master could not read is refused in its words', async (t) => {
  const all = lines('unreadable-calls-mesos-1.12.0.jsonl') as {
    mediaType: MediaType;
    body: string;
    text: string;
  }[];
  t.equal(all.length, 8);
  for (const { mediaType, body, text } of all)
    t.throws(() => decodeCall(Buffer.from(body, 'base64'), mediaType), { message: text }, text);
});
