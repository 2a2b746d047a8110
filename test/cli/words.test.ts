import t from 'tap';
import { HarmlessText } from '../../src/cli/escapes.js';
import { facts, table } from '../../src/cli/table.js';
import { byteSize, duration, localTime, plain } from '../../src/cli/words.js';

t.test('durations have two units at most', async (t) => {
  const cases: [number, string][] = [
    [-5, '0ms'],
    [0, '0ms'],
    [999, '999ms'],
    [2_100, '2.1s'],
    [59_999, '59s'],
    [65_000, '1m05s'],
    [3_600_000 * 3 + 60_000 * 20, '3h20m'],
    [86_400_000 * 2 + 3_600_000 * 4, '2d04h'],
  ];
  for (const [ms, words] of cases) t.equal(duration(ms), words);
});

t.test('sizes are decimal and never show 1000 of a unit', async (t) => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [999_999, '1.0 MB'],
    [123_456, '123 kB'],
    [2.5e12, '2.5 TB'],
    [5e15, '5000 TB'],
  ];
  for (const [bytes, words] of cases) t.equal(byteSize(bytes), words);
});

t.test('text of others cannot write to the terminal', async (t) => {
  t.equal(plain('a\u001b[2Jb\r\nc\u202ed'), 'a [2Jb c d');
});

t.test('a table', async (t) => {
  const rows = [
    { id: 7, name: 'alignment of everything' },
    { id: 12, name: '日本' },
  ];
  const shape = [
    { title: 'ID', value: (row: { id: number }) => String(row.id), isRight: true },
    { title: 'NAME', value: (row: { name: string }) => row.name, widthMin: 6 },
    { title: 'END', value: () => 'x' },
  ];
  t.test('is aligned, wide characters too', async (t) => {
    t.equal(
      table(rows, shape, null),
      'ID  NAME                     END\n' +
        ' 7  alignment of everything  x\n' +
        '12  日本                     x\n',
    );
  });
  t.test('is cut to the terminal where that is allowed', async (t) => {
    t.equal(table(rows, shape, 20).split('\n')[1], ' 7  alignment …  x');
    t.equal(table(rows, shape, 3).split('\n')[1], ' 7  align…  x', 'but not below its minimum');
  });
  t.test('facts stand under each other', async (t) => {
    t.equal(
      facts([
        ['Job', '1'],
        ['Outcome', 'a\nb'],
      ]),
      'Job:     1\nOutcome: a b\n',
    );
  });
});

const DANGERS: Record<string, [string, string]> = {
  'plain text and tabs': ['a\tb\r\nc', 'a\tb\r\nc'],
  'colours stay': ['\u001b[1;31mred\u001b[0m', '\u001b[1;31mred\u001b[0m'],
  'erasing a line stays': ['50%\r\u001b[K60%', '50%\r\u001b[K60%'],
  'the cursor stays where it is': ['a\u001b[2J\u001b[1;1Hb', 'ab'],
  'the title is ours': ['a\u001b]0;evil\u0007b', 'ab'],
  'a title ended by ST': ['a\u001b]0;evil\u001b\\b', 'ab'],
  'a device string': ['a\u001bP1$r0m\u001b\\b', 'ab'],
  'questions to the terminal': ['a\u001b[6nb\u001b[cc', 'abc'],
  'eight-bit sequences': ['a\u009b2Jb', 'ab'],
  'a private colour sequence': ['a\u001b[>4;2mb', 'ab'],
  'a character set': ['a\u001b(0b', 'ab'],
  'bell and other controls': ['a\u0007\u0000b\u007f', 'ab'],
  'text beyond ASCII': ['é日本🙂', 'é日本🙂'],
};

for (const [name, [sent, shown]] of Object.entries(DANGERS)) {
  t.test(`output on a terminal: ${name}, cut anywhere`, async (t) => {
    const bytes = Buffer.from(sent);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const filter = new HarmlessText();
      const text = filter.push(bytes.subarray(0, cut)) + filter.push(bytes.subarray(cut));
      t.equal(text + filter.end(), shown, `cut at ${cut}`);
    }
  });
}

t.test('a title without an end swallows a bounded piece of the output', async (t) => {
  const filter = new HarmlessText();
  filter.push(Buffer.from('\u001b]0;'));
  filter.push(Buffer.alloc(70_000, 'x'));
  t.equal(filter.push(Buffer.from('back')), 'back');
});

t.test('times are those of this machine, and name its zone', async (t) => {
  const at = Date.UTC(2026, 10, 21, 12, 5, 0);
  const zone = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' })
    .formatToParts(at)
    .find(({ type }) => type === 'timeZoneName');
  t.match(localTime(at), /^2026-11-2[012] \d\d:\d\d:00 \S/);
  t.ok(localTime(at).endsWith(` ${zone?.value}`), localTime(at));
  t.equal(localTime(null), '-');
});
