// The command `godocker simulate`, as an administrator calls it.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { projectFile } from '../support/project.js';

const folder = mkdtempSync(join(tmpdir(), 'godocker-simulate-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const SWF = join(folder, 'jobs.swf');
const line = (n: number) => `${n} ${n} -1 60 1 -1 -1 1 120 -1 1 ${n % 2} 1 -1 -1 -1 -1 -1`;
writeFileSync(SWF, `; ${Array.from({ length: 20 }, (_, n) => line(n)).join('\n')}\n`);

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function simulate(...args: readonly string[]): Promise<Answer> {
  const program = projectFile('dist/bin/godocker.js');
  try {
    const told = await promisify(execFile)(process.execPath, [program, 'simulate', ...args]);
    return { code: 0, ...told };
  } catch (error) {
    return error as Answer;
  }
}

const SIZE = ['--agents', '2', '--cpus', '2', '--mem', '4000'];

t.test('policies side by side, one of them a file of one’s own, and a page', async (t) => {
  const own = join(folder, 'scheduler-newest.js');
  writeFileSync(
    own,
    `export default { kind: 'scheduler', name: 'newest', options: () => ({}), create: () => ({
      name: 'newest', begin: () => ({ score: (_account, head) => -head.id, charged: () => {} }) }) };`,
  );
  const html = join(folder, 'page.html');
  const policies = ['--policy', 'fifo', '--policy', 'fairtree', '--policy', own];
  const told = await simulate('--trace', SWF, ...SIZE, ...policies, '--html', html);
  t.equal(told.code, 0, told.stderr);
  t.match(told.stdout, /^policy .*\nfifo .*\nfairtree .*\nnewest .*\n$/);
  t.match(readFileSync(html, 'utf8'), /<h2>newest<\/h2>/);
  const json = await simulate('--trace', SWF, ...SIZE, '--json');
  const all = json.stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  t.match(all, [{ policy: 'fifo', jobs: 19 }, { policy: 'fairshare' }, { policy: 'drf' }]);
});

t.test('what cannot be used is named', async (t) => {
  const refused = async (code: number, words: RegExp, ...args: readonly string[]) => {
    const told = await simulate(...args);
    t.equal(told.code, code, args.join(' '));
    t.match(told.stderr, words);
    t.equal(told.stdout, '');
  };
  const bad = join(folder, 'bad.jsonl');
  writeFileSync(bad, '{"user":"a","submitted":0,"run_seconds":"long"}\n');
  await refused(65, /line 1, run_seconds: "long" is wrong/, '--trace', bad, ...SIZE);
  await refused(66, /no-file: there is no such file/, '--trace', join(folder, 'no-file'), ...SIZE);
  await refused(64, /--agents <n>.*whole number/, '--trace', SWF, ...SIZE, '--agents', '0');
  await refused(64, /--half-life.*above 0/, '--trace', SWF, ...SIZE, '--half-life', '0');
  await refused(
    78,
    /scheduler-nosuch.*no such plugin/,
    '--trace',
    SWF,
    ...SIZE,
    '--policy',
    'nosuch',
  );
});
