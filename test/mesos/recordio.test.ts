import t from 'tap';
import { RECORD_BYTES_MAX } from '../../src/contracts/limits.js';
import { BrokenStream, encodeRecord, RecordDecoder } from '../../src/mesos/recordio.js';

const CUTS: Record<string, (bytes: Buffer) => Buffer[]> = {
  whole: (bytes) => [bytes],
  'byte by byte': (bytes) => [...bytes].map((byte) => Buffer.from([byte])),
  'in halves': (bytes) => {
    const middle = bytes.length >> 1;
    return [bytes.subarray(0, middle), bytes.subarray(middle)];
  },
};

for (const [name, cut] of Object.entries(CUTS)) {
  t.test(`records arrive ${name}`, async (t) => {
    const decoder = new RecordDecoder();
    const records = cut(Buffer.from('5\nhello0\n3\nyou')).flatMap((chunk) => decoder.push(chunk));
    t.strictSame(records.map(String), ['hello', '', 'you']);
    t.ok(decoder.isBetweenRecords);
  });
}

t.test('an empty record at the end of a chunk is not held back', async (t) => {
  t.strictSame(new RecordDecoder().push(Buffer.from('0\n')).map(String), ['']);
});

t.test('a record that is not whole yet is told apart from a clean end', async (t) => {
  for (const part of ['5', '5\n', '5\nhell']) {
    const decoder = new RecordDecoder();
    t.strictSame(decoder.push(Buffer.from(part)), []);
    t.notOk(decoder.isBetweenRecords, part);
  }
});

for (const broken of [
  'x\n',
  '-1\n',
  '\n',
  '1 \n',
  '1e3\n',
  `${RECORD_BYTES_MAX + 1}\n`,
  '0'.repeat(9),
])
  t.test(`${JSON.stringify(broken)} is no length`, async (t) => {
    t.throws(() => new RecordDecoder().push(Buffer.from(broken)), BrokenStream);
    const slow = new RecordDecoder();
    t.throws(() => {
      for (const char of broken) slow.push(Buffer.from(char));
    }, BrokenStream);
  });

t.test('a length never ends, however large the chunk', async (t) => {
  t.throws(() => new RecordDecoder().push(Buffer.alloc(1_000_000, '1')), BrokenStream);
});

t.test('what is encoded is decoded, at the largest size too', async (t) => {
  const record = Buffer.alloc(RECORD_BYTES_MAX, 'm');
  const decoder = new RecordDecoder();
  const records: Buffer[] = [];
  const bytes = encodeRecord(record);
  // Joining at each chunk would copy some 256 GiB here.
  for (let at = 0; at < bytes.length; at += 8_192)
    records.push(...decoder.push(bytes.subarray(at, at + 8_192)));
  t.equal(records.length, 1);
  t.ok(records[0]?.equals(record));
});
