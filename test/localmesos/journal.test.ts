/** What is read back after a crash is what was written before it, whatever line the crash cut. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { Framework } from '../../src/localmesos/framework.js';
import { FileJournal, type Kept, readJournal } from '../../src/localmesos/journal.js';
import type { Task } from '../../src/localmesos/task.js';
import type { TaskStatus } from '../../src/mesos/messages.js';
import { aTask } from './support/driver.js';

function aFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'godocker-journal-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function open(folder: string, kept: Kept, keepsTasks = true): FileJournal {
  return new FileJournal(folder, kept, { later: () => {}, failed: () => {}, keepsTasks });
}

const framework = new Framework('f1', { user: 'nobody', name: 'one', failover_timeout: 60 }, 5);
const aKeptTask = (id: string): Task =>
  ({
    id,
    framework,
    agent: { id: 'a1' },
    role: '*',
    executorId: id,
    containerId: `container-${id}`,
    bootId: 'boot',
    info: aTask(id, 'a1', "echo 'ü\n'"),
  }) as Task;
const END: TaskStatus = {
  task_id: { value: 't2' },
  state: 'TASK_FAILED',
  uuid: 'AAAA',
  timestamp: 1,
};

test('a journal is read back after a crash in the middle of a line', async (t) => {
  const folder = aFolder(t);
  const journal = open(folder, readJournal(folder));
  const [one, two, three] = [aKeptTask('t1'), aKeptTask('t2'), aKeptTask('t3')];
  journal.framework(framework);
  for (const task of [one, two, three]) journal.launched(task);
  journal.killWanted(one, 700);
  journal.ended(two, END);
  journal.settled(three);
  journal.removed('f0');
  journal.flush();
  appendFileSync(join(folder, 'journal.ndjson'), '{"k":"settled","id":"container-t1"');

  const kept = readJournal(folder);
  t.same([...kept.frameworks.values()], [{ id: 'f1', info: framework.info, registeredAt: 5 }]);
  t.same([...kept.removed], ['f0']);
  t.same([...kept.tasks.keys()], ['container-t1', 'container-t2']);
  t.match(kept.tasks.get('container-t1'), { killGraceMs: 700, end: null, info: one.info });
  t.match(kept.tasks.get('container-t2'), { killGraceMs: null, end: END });

  open(folder, kept).close();
  t.same(readJournal(folder), kept, 'written anew it says the same');
  const lines = readFileSync(join(folder, 'journal.ndjson'), 'utf8').trim().split('\n');
  t.equal(lines.length, 4, 'without what is over');
  t.equal(statSync(join(folder, 'journal.ndjson')).mode & 0o777, 0o600);
});

test('a node whose tasks end with it keeps its frameworks only', async (t) => {
  const folder = aFolder(t);
  const journal = open(folder, readJournal(folder), false);
  journal.framework(framework);
  journal.launched(aKeptTask('t1'));
  journal.close();
  const kept = readJournal(folder);
  t.same([...kept.frameworks.keys()], ['f1']);
  t.equal(kept.tasks.size, 0);
});
