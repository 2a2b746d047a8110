import t from 'tap';
import {
  BadMessage,
  decodeCall,
  decodeEvent,
  encodeEvent,
  JSON_TYPE,
  PROTOBUF_TYPE,
} from '../../src/mesos/codec.js';
import type { Event } from '../../src/mesos/messages.js';

const fromJson = (value: unknown) => decodeCall(Buffer.from(JSON.stringify(value)), JSON_TYPE);

t.test('null is an absent field, in lists too', async (t) => {
  t.strictSame(
    fromJson({
      type: 'ACCEPT',
      framework_id: null,
      accept: {
        offer_ids: [{ value: 'o1' }, null],
        filters: null,
        operations: [
          {
            type: 'LAUNCH',
            launch: {
              task_infos: [
                {
                  name: 'n',
                  task_id: { value: 't' },
                  agent_id: { value: 'a' },
                  resources: null,
                  executor: null,
                  limits: null,
                  command: { uris: null, shell: null, value: 'true' },
                },
              ],
            },
          },
        ],
      },
    }),
    {
      type: 'ACCEPT',
      accept: {
        offer_ids: [{ value: 'o1' }],
        operations: [
          {
            type: 'LAUNCH',
            launch: {
              task_infos: [
                {
                  name: 'n',
                  task_id: { value: 't' },
                  agent_id: { value: 'a' },
                  command: { value: 'true' },
                },
              ],
            },
          },
        ],
      },
    },
  );
});

t.test('maps keep all keys and touch no prototype', async (t) => {
  const call = decodeCall(
    Buffer.from(
      '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","offer_filters":' +
        '{"__proto__":{"min_allocatable_resources":{"quantities":[{"quantities":{"cpus":{"value":1}}}]}}}}}}',
    ),
    JSON_TYPE,
  );
  const filters = call.subscribe?.framework_info.offer_filters ?? {};
  t.strictSame(Object.keys(filters), ['__proto__']);
  t.equal(Object.getPrototypeOf(filters), Object.prototype);
});

t.test('numbers and truths may be text', async (t) => {
  const call = fromJson({
    type: 'SUBSCRIBE',
    subscribe: {
      framework_info: { user: 'u', name: 'n', failover_timeout: '3.6e+06', checkpoint: 'true' },
    },
  });
  t.equal(call.subscribe?.framework_info.failover_timeout, 3_600_000);
  t.equal(call.subscribe?.framework_info.checkpoint, true);
});

const WRONG: readonly [unknown, string][] = [
  ['x', 'Expecting a JSON object'],
  [{ type: 1 }, "Not expecting a JSON number for field 'type'"],
  [{ subscribe: true }, "Not expecting a JSON boolean for field 'subscribe'"],
  [{ subscribe: [] }, "Not expecting a JSON array for field 'subscribe'"],
  [{ type: {} }, "Not expecting a JSON object for field 'type'"],
  [{ kill: { task_id: 'x' } }, "Not expecting a JSON string for field 'task_id'"],
  [{ kill: {} }, 'Missing required fields: kill.task_id'],
  [
    { request: { requests: [{ resources: [{ name: 'cpus', type: 'WHAT' }] }] } },
    "Failed to find enum for 'WHAT'",
  ],
  [
    { reconcile: { tasks: [{ task_id: { value: 'a' } }, { agent_id: {} }] } },
    'Missing required fields: reconcile.tasks[1].task_id, reconcile.tasks[1].agent_id.value',
  ],
];

for (const [value, because] of WRONG)
  t.test(because, async (t) => {
    t.throws(() => fromJson(value), {
      name: 'BadMessage',
      message: `Failed to convert JSON into Call protobuf: ${because}`,
    });
  });

t.test('a container id that nests for ever is refused, not a stack overflow', async (t) => {
  const deep = `${'{"value":"c","parent":'.repeat(20_000)}null${'}'.repeat(20_000)}`;
  const status = `{"task_id":{"value":"t"},"state":"TASK_RUNNING","container_status":{"container_id":${deep}}}`;
  const event = `{"type":"UPDATE","update":{"status":${status}}}`;
  t.throws(() => decodeEvent(Buffer.from(event), JSON_TYPE), BadMessage);
});

t.test('JSON we send is plain ASCII on one line', async (t) => {
  const event: Event = { type: 'ERROR', error: { message: 'Zoë \u2028 \u{1f433}\n' } };
  const bytes = encodeEvent(event, JSON_TYPE);
  t.ok(bytes.every((byte) => byte >= 0x20 && byte < 0x7f));
  t.strictSame(decodeEvent(bytes, JSON_TYPE), event);
});

t.test('an enum number of the future leaves its field unset', async (t) => {
  // type = 99; then type = 8 (HEARTBEAT)
  t.strictSame(decodeEvent(Buffer.from([0x08, 99]), PROTOBUF_TYPE), {});
  t.strictSame(decodeEvent(Buffer.from([0x08, 8]), PROTOBUF_TYPE), { type: 'HEARTBEAT' });
});

t.test('unknown binary fields are passed over', async (t) => {
  // field 1000, length-delimited, "xy"
  t.strictSame(decodeEvent(Buffer.from([0x08, 8, 0xc2, 0x3e, 2, 0x78, 0x79]), PROTOBUF_TYPE), {
    type: 'HEARTBEAT',
  });
});

t.test('nanoseconds are numbers in both encodings', async (t) => {
  const event: Event = {
    type: 'UPDATE',
    update: {
      status: {
        task_id: { value: 't' },
        state: 'TASK_UNREACHABLE',
        unreachable_time: { nanoseconds: 1_795_223_366_650_252_800 },
      },
    },
  };
  for (const type of [JSON_TYPE, PROTOBUF_TYPE] as const)
    t.strictSame(decodeEvent(encodeEvent(event, type), type), event);
});
