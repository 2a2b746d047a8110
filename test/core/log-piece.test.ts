// Where a log may be cut: never within a character, and never waiting for what is no character.
import t from 'tap';
import { wholeLength } from '../../src/core/log-piece.js';

const CASES: Readonly<Record<string, readonly [bytes: readonly number[], whole: number]>> = {
  nothing: [[], 0],
  'plain letters': [[0x61, 0x62], 2],
  'half of two': [[0x61, 0xc3], 1],
  'all of two': [[0xc3, 0xa9], 2],
  'two of three': [[0x61, 0xe2, 0x82], 1],
  'all of three': [[0xe2, 0x82, 0xac], 3],
  'one of four': [[0x61, 0xf0], 1],
  'three of four': [[0x61, 0xf0, 0x9f, 0x98], 1],
  'all of four': [[0xf0, 0x9f, 0x98, 0x80], 4],
  'no UTF-8': [[0x80, 0x80, 0x80, 0x80, 0x80], 5],
  'a letter after half a character': [[0xe2, 0x61], 2],
};

for (const [name, [bytes, whole]] of Object.entries(CASES))
  t.test(name, async (t) => {
    t.equal(wholeLength(Uint8Array.from(bytes), false), whole);
    t.equal(wholeLength(Uint8Array.from(bytes), true), bytes.length, 'the last of it');
  });

t.test('cut anywhere, nothing is lost and no character broken', async (t) => {
  const bytes = Buffer.from('aé€😀z', 'utf8');
  for (let cut = 0; cut <= bytes.length; cut++) {
    const whole = wholeLength(bytes.subarray(0, cut), false);
    const read = bytes.subarray(0, whole).toString() + bytes.subarray(whole).toString();
    t.equal(read, 'aé€😀z', `cut at ${cut}`);
  }
});
