import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { TaskFiles } from '../../src/localmesos/task-files.js';

function some(t: Test): { files: TaskFiles; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'task-files-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return { files: new TaskFiles(folder), folder };
}

test('the file of a task that is over serves the next one, with nothing of the former', async (t) => {
  const { files, folder } = some(t);
  files.make('one', 'a long text\n', null);
  appendFileSync(join(folder, 'one.life'), '12 3456\n7\n');
  t.same(files.life('one'), { process: { pid: 12, startTime: '3456' }, exitCode: 7 });
  files.free('one');
  t.notOk(
    readdirSync(folder).some((name) => name.startsWith('one')),
    'nothing under its name',
  );
  files.make('two', 'short\n', null);
  t.equal(readFileSync(join(folder, 'two.run'), 'utf8'), 'short\n');
  t.same(files.life('two'), { process: null, exitCode: null });
  t.same(readdirSync(folder).sort(), ['two.life', 'two.run'], 'both were used again');
});

test('the first line decides whether a task begins or is given up', async (t) => {
  const { files, folder } = some(t);
  for (const id of ['begun', 'raced', 'never']) files.make(id, 'x', null);
  appendFileSync(join(folder, 'begun.life'), '12 3456\n');
  t.notOk(files.giveUp('begun'));
  t.equal(readFileSync(join(folder, 'begun.life'), 'utf8'), '12 3456\n', 'and nothing is written');
  appendFileSync(join(folder, 'raced.life'), '13 3457\n-\n5\n');
  t.same(files.life('raced'), { process: { pid: 13, startTime: '3457' }, exitCode: 5 });
  t.ok(files.giveUp('never'));
  appendFileSync(join(folder, 'never.life'), '14 3458\n');
  t.same(files.life('never'), { process: null, exitCode: null }, 'too late');
  t.ok(files.giveUp('never'), 'and again');
  files.free('never');
  files.make('next', 'x', null);
  t.notOk(existsSync(join(folder, 'next.life')), 'a file that was given up is not used again');
});

test('a line that is only just being written does not count', async (t) => {
  const { files, folder } = some(t);
  files.make('one', 'x', null);
  appendFileSync(join(folder, 'one.life'), '12 34');
  t.same(files.life('one'), { process: null, exitCode: null });
});

test('spares of a former life are removed, tasks are named', async (t) => {
  const { files, folder } = some(t);
  files.make('one', 'x', null);
  files.free('one');
  files.make('two', 'x', null);
  files.make('three', 'x', null);
  files.free('two');
  const next = new TaskFiles(folder);
  t.same([...next.sweep(readdirSync(folder))], ['three']);
  t.same(readdirSync(folder), ['three.run']);
});
