import { PassThrough } from 'node:stream';
import t from 'tap';
import { askOn } from '../../src/cli/terminal.js';

function keyboard() {
  const [input, output] = [new PassThrough(), new PassThrough()];
  return { input, output, seen: () => String(output.read() ?? '') };
}

const KEYS: Record<string, [string, string | null]> = {
  'a line': ['d\r', 'd'],
  'just Enter': ['\r', ''],
  'Ctrl-C': ['\u0003', null],
  'Ctrl-D': ['\u0004', null],
  'a correction': ['yx\u007f\r', 'y'],
};

for (const [name, [keys, answer]] of Object.entries(KEYS)) {
  for (const hidden of [false, true]) {
    t.test(`a question answered by ${name}${hidden ? ', unseen' : ''}`, async (t) => {
      const { input, output, seen } = keyboard();
      const asked = askOn({ input, output }, 'Well? ', { hidden });
      input.write(keys);
      t.equal(await asked, answer);
      const text = seen();
      t.match(text, 'Well? ');
      if (hidden) t.notMatch(text.replace('Well? ', ''), /[a-z]/, 'nothing of it is shown');
    });
  }
}

t.test('a question is taken back', async (t) => {
  const { input, output } = keyboard();
  const stop = new AbortController();
  const asked = askOn({ input, output }, 'Well? ', { signal: stop.signal });
  stop.abort();
  t.equal(await asked, null);
});

t.test('one question after the other', async (t) => {
  const { input, output } = keyboard();
  for (const answer of ['one', 'two']) {
    const asked = askOn({ input, output }, '? ');
    input.write(`${answer}\r`);
    t.equal(await asked, answer);
  }
});
