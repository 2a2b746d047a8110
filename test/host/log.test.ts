// What callers send stands in the log as one value of one line, whatever it is.
import t from 'tap';
import { openLog } from '../../src/host/log.js';

const FORGED = '{"level":30,"msg":"an administrator signed in"}';
const TEXTS = [
  `x\n${FORGED}\n`,
  `x\r\n${FORGED}`,
  `x","level":60,"msg":"forged`,
  '\u001b[2J\u001b]0;owned\u0007',
  'a\0b',
  'half \ud800 a character',
  '\\',
];

t.test('a text forges no line and no key, and sends nothing to a terminal', async (t) => {
  const lines: string[] = [];
  const log = openLog({ level: 'debug', to: { write: (line) => void lines.push(line) } });
  for (const text of TEXTS) {
    lines.length = 0;
    const error = new Error(text);
    log.with({ part: text }).warn('request failed', { path: text, deep: { name: text }, error });
    t.equal(lines.length, 1);
    const line = lines.join('');
    const name = JSON.stringify(text);
    t.match(line, /^[^\n\r]*\n$/, `${name}: one line`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    t.notMatch(line.trimEnd(), /[\u0000-\u001f]/, `${name}: nothing that a terminal obeys`);
    const said = JSON.parse(line);
    t.equal(said.msg, 'request failed', name);
    t.equal(said.level, 40, name);
    t.equal(said.path.isWellFormed() ? said.path : text, text, `${name}: told as it was`);
    t.equal(said.deep.name, said.path, name);
    t.equal(said.error.message, said.path, name);
  }
});

t.test('secrets by their usual names are not in it', async (t) => {
  const lines: string[] = [];
  const log = openLog({ level: 'debug', to: { write: (line) => void lines.push(line) } });
  log.info('signed in', { password: 'p-1', apikey: 'p-2', secret: 'p-3', token: 'p-4' });
  t.notMatch(lines.join(''), /p-\d/);
});
