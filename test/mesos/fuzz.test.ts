import fc from 'fast-check';
import t from 'tap';
import { jobId, taskIdOf } from '../../src/core/units.js';
import { BadMessage, decodeEvent, JSON_TYPE, PROTOBUF_TYPE } from '../../src/mesos/codec.js';
import { clusterOffer } from '../../src/mesos/events.js';
import type { Offer } from '../../src/mesos/messages.js';
import { Stock, taskInfo } from '../../src/mesos/orders.js';
import { BrokenStream, RecordDecoder } from '../../src/mesos/recordio.js';
import { soundOffer } from '../../src/mesos/sound.js';
import { aBatch, Stage } from './stage.js';
import { mediaTypeOf, records, transcript, transcripts } from './transcript.js';

/** Repeats a run that failed: `GODOCKER_FUZZ_SEED=… `, as printed. */
const seed = Number(process.env.GODOCKER_FUZZ_SEED ?? Date.now() % 2 ** 31);
t.comment(`GODOCKER_FUZZ_SEED=${seed}`);
const check = (property: fc.IRawProperty<unknown>, numRuns = 300) =>
  fc.assert(property as fc.IProperty<unknown>, { seed, numRuns });

/** What a decoder makes of pieces: texts of the records, and `broken` at the end if it gave up. */
function read(pieces: readonly Uint8Array[]): string[] {
  const decoder = new RecordDecoder();
  const found: string[] = [];
  try {
    for (const piece of pieces)
      for (const record of decoder.push(piece)) found.push(record.toString('latin1'));
  } catch (error) {
    if (!(error instanceof BrokenStream)) throw error;
    found.push('broken');
  }
  return found;
}

const streamBytes = fc
  .array(fc.oneof(fc.constantFrom('5\nhello', '0\n', '3\n', '\n', '12', 'x', '2\nab'), fc.string()))
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

t.test('a stream cut anywhere says what it says in one piece, or breaks', async () => {
  check(
    fc.property(streamBytes, fc.array(fc.nat(40)), (bytes, cuts) => {
      const pieces: Uint8Array[] = [];
      let at = 0;
      for (const cut of cuts) {
        pieces.push(bytes.subarray(at, at + cut));
        at += cut;
      }
      pieces.push(bytes.subarray(at));
      const [whole, cutUp] = [read([bytes]), read(pieces)];
      // In one piece the records before a break are lost with it; cut up, some were out already.
      if (whole.at(-1) === 'broken') return cutUp.at(-1) === 'broken';
      return JSON.stringify(whole) === JSON.stringify(cutUp);
    }),
  );
});

const recorded = transcripts('.recordio').flatMap((file) => records(transcript(file)));

t.test('bytes that somebody has changed are an event or a BadMessage', async (t) => {
  t.ok(recorded.length > 100);
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 });
  let read = 0;
  check(
    fc.property(fc.constantFrom(...recorded), changes, fc.boolean(), (record, all, isSwapped) => {
      const bytes = Buffer.from(record);
      for (const [at, byte] of all) bytes[at % bytes.length] = byte;
      const isJson = (mediaTypeOf(record) === JSON_TYPE) !== isSwapped;
      try {
        decodeEvent(bytes, isJson ? JSON_TYPE : PROTOBUF_TYPE);
        read++;
      } catch (error) {
        if (!(error instanceof BadMessage)) throw error;
      }
    }),
    2_000,
  );
  t.ok(read > 0, `${read} of them could be read`);
});

const number = fc.oneof(
  fc.double(),
  fc.integer({ min: -2, max: 10 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0, 0.0004, 1e300, 2 ** 53),
);
const name = fc.oneof(
  fc.constantFrom('cpus', 'mem', 'gpus', 'ports', 'disk', 'fpga', '__proto__', 'toString', ''),
  fc.string({ maxLength: 5 }),
);
const type = fc.constantFrom('SCALAR', 'RANGES', 'SET', 'TEXT' as const);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const range = fc.record({ begin: number, end: number });
const value = fc.record({
  name,
  type,
  scalar: maybe(fc.record({ value: number })),
  ranges: maybe(fc.record({ range: fc.array(range, { maxLength: 5 }) })),
  set: maybe(fc.record({ item: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 5 }) })),
  text: maybe(fc.record({ value: fc.string() })),
});
const anyOffer = fc.record({
  id: fc.record({ value: fc.string() }),
  framework_id: fc.constant({ value: 'f1' }),
  agent_id: fc.constant({ value: 'a1' }),
  hostname: fc.string(),
  allocation_info: fc.constant({ role: 'god' }),
  resources: maybe(fc.array(value, { maxLength: 8 })),
  attributes: maybe(fc.array(value, { maxLength: 5 })),
  unavailability: maybe(fc.record({ start: fc.record({ nanoseconds: number }) })),
}) as fc.Arbitrary<Offer>;

const isAmount = (amount: number) => Number.isSafeInteger(amount) && amount >= 0;

t.test(
  'whatever is offered, the core counts exact amounts, and an order can take all of them',
  async () => {
    const [order] = aBatch(['o'], 1).orders;
    if (order === undefined) throw new Error('a batch has an order');
    check(
      fc.property(anyOffer, (given) => {
        const { offer } = soundOffer(given);
        const { free, unavailableFrom } = clusterOffer(offer);
        const amounts = [free.cpuMilli, free.memMb, free.gpus, ...Object.values(free.custom)];
        if (!amounts.every(isAmount)) return false;
        if (!free.ports.every(({ begin, end }) => 0 <= begin && begin <= end && end <= 65_535))
          return false;
        if (unavailableFrom !== null && !isAmount(unavailableFrom)) return false;
        const { cpuMilli, memMb, gpus, custom } = free;
        const needs = { cpuMilli, memMb, gpus, custom, ports: free.ports.length };
        const ports = free.ports.map(({ end }) => end);
        const all = { ...order, needs, ports: [...new Set(ports)] };
        // Asserts that everything is there.
        taskInfo(all, new Stock([offer]), { network: 'BRIDGE' });
        return true;
      }),
      1_000,
    );
  },
);

/** JSON cannot say NaN; text of a number it may be, and a wrong type anywhere. */
const anyEvent = fc.oneof(
  fc.array(anyOffer, { maxLength: 3 }).map((offers) => ({ type: 'OFFERS', offers: { offers } })),
  fc.record({
    type: fc.constantFrom('UPDATE', 'OFFERS', 'RESCIND', 'FAILURE', 'MESSAGE', 'ERROR', 'NEW', 7),
    update: fc.record({
      status: fc.record({
        task_id: fc.record({ value: fc.constantFrom(taskIdOf(jobId(1), 1), '', 'other') }),
        state: fc.constantFrom('TASK_RUNNING', 'TASK_FAILED', 'TASK_SLEEPING', 1),
        reason: fc.oneof(fc.string(), fc.constantFrom('REASON_RECONCILIATION', null)),
        timestamp: fc.oneof(number, fc.string()),
        data: fc.oneof(fc.string(), fc.constant('W3sgSWQiOiAxIH1d')),
        uuid: fc.oneof(fc.base64String(), fc.string()),
      }),
    }),
    rescind: fc.anything(),
    failure: fc.anything(),
    inverse_offers: fc.anything(),
  }),
  fc.jsonValue(),
);

t.test('no event ever ends the framework: what comes after is understood', async (t) => {
  const stage = await new Stage('f1').up();
  let streams = 1;
  let heard = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anyEvent, { maxLength: 4 }), async (events) => {
      stage.sayBytes(...events.map((event) => Buffer.from(JSON.stringify(event))));
      if (stage.stream.isClosed) {
        await stage.ring();
        await stage.subscribed(`s${++streams}`);
      }
      const id = `after-${heard++}`;
      stage.offer(id);
      stage.sent();
      return stage.notes.words.at(-1) === `offers ${id}`;
    }),
    { seed, numRuns: 500 },
  );
  t.ok(streams > 1, `${streams} streams`);
  t.ok(stage.counted.includes('events_unreadable'));
});
