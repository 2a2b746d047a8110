/** The node dies by `kill -9`; its process tasks do not, and their true ends are told by its next life. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { startLocalNode } from '../../src/localmesos/index.js';
import { waitFor } from '../support/waiting.js';
import { aTask, Driver } from './support/driver.js';
import { type NodeProcess, spawnNode } from './support/node-process.js';

interface Place {
  readonly folder: string;
  readonly start: () => Promise<NodeProcess>;
}

function aPlace(t: Test): Place {
  const folder = mkdtempSync(join(tmpdir(), 'godocker-recovery-'));
  const nodes: NodeProcess[] = [];
  t.teardown(async () => {
    for (const node of nodes) await node.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  const state = ['--state', join(folder, 'state'), '--tasks', 'process'];
  return {
    folder,
    start: async () => {
      const node = await spawnNode(['--port', '0', '--cpus', '64', '--mem', '64000', ...state]);
      nodes.push(node);
      return node;
    },
  };
}

async function back(url: string, frameworkId: string): Promise<Driver> {
  const driver = new Driver({ url });
  await driver.subscribe(frameworkId);
  await driver.until(() => driver.frameworkId !== '', 'SUBSCRIBED');
  return driver;
}

/** Until the node's journal has a line of that kind. */
const journalled = (place: Place, kind: string): Promise<boolean> =>
  waitFor(`the journal has "${kind}"`, 10_000, () => {
    const text = readFileSync(join(place.folder, 'state', 'journal.ndjson'), 'utf8');
    return text.split('\n').some((line) => line.startsWith(`{"k":"${kind}"`));
  });

test('running tasks outlive the node, and their exit codes are told', async (t) => {
  const place = aPlace(t);
  const first = await place.start();
  const before = new Driver({ url: first.url });
  await before.subscribe();
  const offer = await before.anOffer();
  const agentId = offer.agent_id.value;
  const ran = (id: string) => `echo run >>${join(place.folder, id)}`;
  await before.accept(
    [offer],
    [
      aTask('during', agentId, `${ran('during')}; sleep 0.7; exit 5`),
      aTask('after', agentId, `${ran('after')}; sleep 4; exit 6`),
      aTask('killed', agentId, `${ran('killed')}; exec sleep 1000`),
    ],
  );
  for (const id of ['during', 'after', 'killed']) await before.update(id, 'TASK_RUNNING');
  await first.kill();
  // One of them ends while nobody looks.
  await new Promise((resolve) => setTimeout(resolve, 1_200));

  const second = await place.start();
  const driver = await back(second.url, before.frameworkId);
  t.match(await driver.update('during', 'TASK_FAILED'), {
    message: 'Command exited with status 5',
  });
  const seen = await driver.anOffer();
  t.equal(seen.agent_id.value, agentId, 'the agent kept its id');
  await driver.update('killed', 'TASK_RUNNING');
  await driver.call({ type: 'KILL', kill: { task_id: { value: 'killed' } } });
  t.match(await driver.update('killed', 'TASK_KILLED'), {
    message: 'Command terminated with signal Terminated',
  });
  t.match(await driver.update('after', 'TASK_FAILED'), { message: 'Command exited with status 6' });
  for (const id of ['during', 'after', 'killed']) {
    t.equal(readFileSync(join(place.folder, id), 'utf8'), 'run\n', `${id} ran once`);
  }
  await driver.until(
    () =>
      readdirSync(join(place.folder, 'state', 'tasks')).every((name) =>
        name.startsWith('supervisor'),
      ),
    'sandboxes to be removed',
  );
  driver.cut();
});

test('an end that nobody acknowledged is told again by the next life', async (t) => {
  const place = aPlace(t);
  const first = await place.start();
  const before = new Driver({ url: first.url, acknowledges: false });
  await before.subscribe();
  const offer = await before.anOffer();
  await before.accept([offer], [aTask('quick', offer.agent_id.value, 'exit 9')]);
  const starting = await before.update('quick', 'TASK_STARTING');
  await before.acknowledge(starting);
  await before.acknowledge(await before.update('quick', 'TASK_RUNNING'));
  const end = await before.update('quick', 'TASK_FAILED');
  // Written once the turn is over; killed before that, the next life would read the exit code again and tell it anew.
  await journalled(place, 'end');
  await first.kill();

  const second = await place.start();
  const driver = await back(second.url, before.frameworkId);
  const again = await driver.update('quick', 'TASK_FAILED');
  t.equal(again.uuid, end.uuid, 'the same update');
  t.equal(again.message, 'Command exited with status 9');
  await driver.acknowledge(again);
  // What was settled is written once the turn is over.
  await journalled(place, 'settled');
  await second.kill();
  const third = await place.start();
  const last = await back(third.url, before.frameworkId);
  await last.call({
    type: 'RECONCILE',
    reconcile: { tasks: [{ task_id: { value: 'quick' }, agent_id: offer.agent_id }] },
  });
  t.match(await last.update('quick', 'TASK_GONE'), { reason: 'REASON_RECONCILIATION' });
  t.same(last.statesOf('quick'), ['TASK_GONE']);
  last.cut();
});

test('a burst of launches cut by kill -9: every task runs at most once and every end is told', async (t) => {
  const place = aPlace(t);
  const first = await place.start();
  const before = new Driver({ url: first.url });
  await before.subscribe();
  const offer = await before.anOffer();
  const log = join(place.folder, 'log');
  writeFileSync(log, '');
  const ids = Array.from({ length: 150 }, (_, n) => `b${n}`);
  const agentId = offer.agent_id.value;
  await before.accept(
    [offer],
    ids.map((id) => aTask(id, agentId, `echo ${id} >>${log}; sleep 0.3; exit 3`)),
  );
  await before.until(() => before.updates.some(({ state }) => state === 'TASK_RUNNING'), 'a start');
  await first.kill();

  const second = await place.start();
  const driver = await back(second.url, before.frameworkId);
  const ends = () =>
    new Map(
      driver.updates
        .filter(({ state }) => state === 'TASK_FAILED')
        .map(({ task_id, reason, message }) => [task_id.value, reason ?? message]),
    );
  await driver.until(() => ends().size === ids.length, 'all ends', 30_000);
  const runs = readFileSync(log, 'utf8').trim().split('\n');
  t.equal(new Set(runs).size, runs.length, 'none ran twice');
  for (const [id, how] of ends()) {
    const did = runs.includes(id);
    t.equal(how, did ? 'Command exited with status 3' : 'REASON_EXECUTOR_TERMINATED', id);
  }
  t.comment(`${runs.length} of ${ids.length} had begun`);
  driver.cut();
});

test('a second node does not touch the folder of a living one', async (t) => {
  const place = aPlace(t);
  await place.start();
  await t.rejects(place.start(), { message: /another local node \(process \d+\) uses/ });
});

test('after a clean stop tasks run on', async (t) => {
  const place = aPlace(t);
  const first = await place.start();
  const before = new Driver({ url: first.url });
  await before.subscribe();
  const offer = await before.anOffer();
  await before.accept([offer], [aTask('on', offer.agent_id.value, 'sleep 1.5; exit 4')]);
  await before.update('on', 'TASK_RUNNING');
  t.equal(await first.stop(), 0);
  const second = await place.start();
  const driver = await back(second.url, before.frameworkId);
  t.match(await driver.update('on', 'TASK_FAILED'), { message: 'Command exited with status 4' });
  driver.cut();
});

test('tasks are found again only by what started them', async (t) => {
  const place = aPlace(t);
  const first = await place.start();
  const before = new Driver({ url: first.url, info: { failover_timeout: 0 } });
  await before.subscribe();
  const offer = await before.anOffer();
  const file = join(place.folder, 'lived');
  const command = `sleep 1.5; echo on >${file}; exit 4`;
  await before.accept([offer], [aTask('on', offer.agent_id.value, command)]);
  await before.update('on', 'TASK_RUNNING');
  t.equal(await first.stop(), 0);
  const stateDir = join(place.folder, 'state');
  for (const containerizer of ['docker', 'simulate'] as const) {
    await t.rejects(startLocalNode({ port: 0, containerizer, stateDir, credential: null }), {
      message: /tasks of a former life run by 'process'/,
    });
  }
  const lived = () => existsSync(file) || undefined;
  t.ok(
    await before.until(lived, 'the task to go on'),
    'a clean stop does not end the tasks of a framework that would not wait',
  );
});
