import t from 'tap';
import { LINES_MAX, LogBuffer } from '../../web/src/log-buffer.js';

function linesOf(...chunks: string[]): string[] {
  const buffer = new LogBuffer();
  for (const chunk of chunks) buffer.push(Buffer.from(chunk));
  return buffer.lines.map(({ pieces }) => pieces.map(({ text }) => text).join(''));
}

t.test('a log looks as a terminal would show it', async (t) => {
  t.same(linesOf('a\nb'), ['a', 'b']);
  t.same(linesOf('a\r', '\nb\n'), ['a', 'b'], 'Windows line ends, cut in two');
  t.same(linesOf('1%\r2%\r3%\n'), ['3%'], 'progress');
  t.same(linesOf('10%\r\u001b[K9%'), ['9%'], 'erased line');
  t.same(linesOf('a\n\nb\n'), ['a', '', 'b']);
  t.same(linesOf('ab\bc'), ['ac']);
  t.same(linesOf('x'.repeat(5_000))[0]?.length, 4_001, 'an endless line is cut');
});

t.test('colours become classes and go on over lines and chunks', async (t) => {
  const buffer = new LogBuffer();
  for (const chunk of [
    '\u001b[31mred\n',
    'still\u001b[1m bold\u001b[0m plain\u001b[38;5;',
    '1mx\n',
  ])
    buffer.push(Buffer.from(chunk));
  t.same(
    buffer.lines.map(({ pieces }) => pieces),
    [
      [{ text: 'red', style: 'ansi-red' }],
      [
        { text: 'still', style: 'ansi-red' },
        { text: ' bold', style: 'ansi-red ansi-bold' },
        { text: ' plain', style: '' },
        { text: 'x', style: '' },
      ],
    ],
  );
});

t.test('only the last lines are kept, under their numbers', async (t) => {
  const buffer = new LogBuffer();
  buffer.push(Buffer.from(Array.from({ length: LINES_MAX + 10 }, (_, at) => `${at}\n`).join('')));
  t.equal(buffer.lines.length, LINES_MAX);
  t.equal(buffer.dropped, 10);
  t.same(buffer.lines[0], { number: 11, pieces: [{ text: '10', style: '' }] });
});
