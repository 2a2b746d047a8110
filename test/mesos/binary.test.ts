// Binary messages as other programs may write them: whatever protobuf allows is read as the library itself reads it.
import protobuf from 'protobufjs/light.js';
import t from 'tap';
import {
  BadMessage,
  decodeCall,
  decodeEvent,
  encodeCall,
  encodeEvent,
  PROTOBUF_TYPE,
} from '../../src/mesos/codec.js';
import { schema } from '../../src/mesos/generated/v1.js';
import type { Call, Event } from '../../src/mesos/messages.js';
import { mediaTypeOf, records, transcript, transcripts } from './transcript.js';

const root = protobuf.Root.fromJSON(schema).resolveAll();
const theirs = root.lookupType('mesos.v1.scheduler.Event');
/** The library's reading in the shape of ours; its defaults left out. */
const asLibraryReads = (bytes: Uint8Array): unknown =>
  theirs.toObject(theirs.decode(bytes), { longs: Number, enums: String, bytes: String });

const REFUSED = 'refused';
function orRefused(decode: () => unknown): unknown {
  try {
    return decode();
  } catch {
    return REFUSED;
  }
}

const read = (bytes: readonly number[]): Event => decodeEvent(Buffer.from(bytes), PROTOBUF_TYPE);
/** A field of text, bytes or a message. */
const part = (id: number, bytes: readonly number[]): number[] => [
  (id << 3) | 2,
  bytes.length,
  ...bytes,
];
const text = (id: number, value: string): number[] => part(id, [...Buffer.from(value)]);
const ERROR = theirs.fields.error?.id ?? 0;

t.test('recorded events read as the library reads them', async (t) => {
  const recorded = transcripts('.recordio').flatMap((file) => records(transcript(file)));
  let events = 0;
  for (const record of recorded.filter((one) => mediaTypeOf(one) === PROTOBUF_TYPE)) {
    const expected = orRefused(() => asLibraryReads(record));
    if (expected !== REFUSED) events++;
    t.same(
      orRefused(() => decodeEvent(record, PROTOBUF_TYPE)),
      expected,
    );
  }
  t.ok(events > 20, `${events} of them are events`);
});

t.test('what we write the library reads', async (t) => {
  const event: Event = {
    type: 'UPDATE',
    update: {
      status: {
        task_id: { value: 'Zoë \u{1f433}' },
        state: 'TASK_FAILED',
        data: 'W3sgSWQiOiAxIH1d',
        healthy: false,
        timestamp: 1_795_223_366.25,
        unreachable_time: { nanoseconds: -5 },
        container_status: { executor_pid: 4_294_967_295 },
      },
    },
  };
  t.same(asLibraryReads(encodeEvent(event, PROTOBUF_TYPE)), event);
});

t.test('parts of one message are one, and of a single value the last counts', async (t) => {
  const id = (value: string) => part(1, text(1, value));
  const field = root.lookupType('mesos.v1.scheduler.Call').fields.kill?.id ?? 0;
  const kill = (...parts: readonly number[][]) => part(field, parts.flat());
  const bytes = [...kill(id('t1')), ...kill(part(2, text(1, 'a1'))), ...kill(id('t2'))];
  t.strictSame(decodeCall(Buffer.from(bytes), PROTOBUF_TYPE), {
    kill: { task_id: { value: 't2' }, agent_id: { value: 'a1' } },
  });
});

t.test('fields of another wire type are passed over', async (t) => {
  // type (an enum) as text; then as it should be
  t.strictSame(read([...text(1, 'OFFERS'), 0x08, 8]), { type: 'HEARTBEAT' });
});

t.test('maps keep all keys', async (t) => {
  const quantities = { quantities: { __proto__: null, cpus: { value: 1 }, mem: { value: 2 } } };
  const call: Call = {
    type: 'SUBSCRIBE',
    subscribe: {
      framework_info: {
        user: 'u',
        name: 'n',
        offer_filters: JSON.parse(
          `{"__proto__":{"min_allocatable_resources":{"quantities":[${JSON.stringify(quantities)}]}}}`,
        ),
      },
    },
  };
  const again = decodeCall(encodeCall(call, PROTOBUF_TYPE), PROTOBUF_TYPE);
  t.same(JSON.stringify(again), JSON.stringify(call));
});

const BROKEN: Readonly<Record<string, readonly number[]>> = {
  'a part that is longer than the whole': [(ERROR << 3) | 2, 20, 0x0a, 1, 0x78],
  'a part of a part that reaches beyond it': [(ERROR << 3) | 2, 3, 0x0a, 5, 0x78, 0, 0, 0, 0],
  'a text that ends too early': part(ERROR, [0x0a, 9, 0x78]),
  'a number that never ends': [0x08, 0xff, 0xff],
  'the end of a group that never began': [0x0c],
  'a required field that is missing': part(ERROR, []),
};
for (const [what, bytes] of Object.entries(BROKEN))
  t.test(`${what} is a BadMessage`, async (t) => {
    t.throws(() => read(bytes), BadMessage);
    t.throws(() => theirs.decode(Buffer.from(bytes)), 'the library thinks so too');
  });

t.test('a container id that nests for ever is refused, not a stack overflow', async (t) => {
  const nested = (field: number, inner: Uint8Array): Uint8Array =>
    protobuf.Writer.create()
      .uint32((field << 3) | 2)
      .bytes(inner)
      .finish();
  const idOf = (type: string, field: string): number => {
    const id = root.lookupType(type).fields[field]?.id;
    if (id === undefined) throw new Error(`${type} has a field ${field}`);
    return id;
  };
  const value = Buffer.from(text(1, 'c'));
  let id: Uint8Array = value;
  for (let depth = 0; depth < 2_000; depth++) id = Buffer.concat([value, nested(2, id)]);
  const container = nested(idOf('mesos.v1.ContainerStatus', 'container_id'), id);
  const status = Buffer.concat([
    Buffer.from([...part(1, text(1, 't')), 0x10, 1]),
    nested(idOf('mesos.v1.TaskStatus', 'container_status'), container),
  ]);
  const event = nested(idOf('mesos.v1.scheduler.Event', 'update'), nested(1, status));
  t.throws(() => decodeEvent(event, PROTOBUF_TYPE), BadMessage);
});
