// The outlook on its own: a site's policy that fails, a store that is away.
import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { fifo, type Policy } from '../../src/core/policy.js';
import { PendingQueue } from '../../src/core/queue.js';
import { Accounting } from '../../src/daemon/accounting.js';
import { AgentLoads } from '../../src/daemon/agent-loads.js';
import { Outlook } from '../../src/daemon/outlook.js';
import { aRow } from '../core/samples.js';
import { FakeTime } from '../support/fake-time.js';
import { MemoryStore, storeAway } from '../support/memory-store.js';

function stage(policy: Policy) {
  const time = new FakeTime();
  const store = new MemoryStore();
  const failures: unknown[] = [];
  const failed = (error: unknown) => void failures.push(error);
  const ports = { clock: time, timers: time, log: SILENT, failed, policy };
  const accounting = new Accounting(
    { ...ports, store, storage: { measure: () => Promise.reject(new Error('there is none')) } },
    { usage: { kind: 'window', days: 1 }, advanceMs: 0 },
  );
  const queue = new PendingQueue();
  for (const id of [3, 1, 2]) queue.add(aRow(id, { owner: `user${id}`, lifespanMs: 60_000 }));
  const outlook = new Outlook(
    ports,
    { defaultExecutor: 'mesos' },
    {
      queue,
      accounting,
      agents: { offers: (held) => held },
      links: new Map(),
      book: { loads: new AgentLoads(), live: () => [].values() },
      kept: () => [],
    },
  );
  const ask = async () => {
    const asked = outlook.ask();
    await time.pass(3_000);
    return asked;
  };
  return { outlook, store, failures, ask, time };
}

t.test(
  'a policy that fails half way: places go by order of submission, nothing ends',
  async (t) => {
    let scores = 0;
    const { ask, failures } = stage({
      name: 'odd',
      begin: () => ({
        score(_account, head) {
          scores++;
          if (scores > 2) throw new Error('division by nothing');
          return -head.id;
        },
        charged() {},
      }),
    });
    t.same((await ask())?.survey.first, [1, 2, 3]);
    t.ok(scores > 2, 'it was asked');
    t.same(failures, []);
  },
);

t.test('ends that cannot be read leave lifespans to go by', async (t) => {
  const { ask, store, failures } = stage(fifo);
  store.list = () => Promise.reject(storeAway());
  const facts = await ask();
  t.same(facts?.survey.first, [1, 2, 3]);
  t.equal(facts?.foreseen?.end, 'stuck', 'no agent is known');
  t.same(failures, []);
});

t.test('agents that were never offered are known by what the cluster tells', async (t) => {
  const { ask, outlook } = stage(fifo);
  const amounts = { cpuMilli: 1_000, memMb: 1_000, gpus: 0, ports: 0, custom: {} };
  const nothing = { ...amounts, cpuMilli: 0, memMb: 0 };
  outlook.agentsTold([
    {
      executor: 'mesos',
      host: 'one',
      total: amounts,
      used: nothing,
      attributes: {},
      isActive: true,
    },
    {
      executor: 'mesos',
      host: 'off',
      total: amounts,
      used: nothing,
      attributes: {},
      isActive: false,
    },
  ]);
  const facts = await ask();
  t.equal(facts?.foreseen?.agents, 1);
  t.same(
    facts?.foreseen?.starts.map(([id, likely]) => [id, likely]),
    [
      [1, 0],
      [2, 60],
      [3, 120],
    ],
  );
});

t.test('a term that is over tells nothing, and lets nobody wait', async (t) => {
  const { outlook, time } = stage(fifo);
  const asked = outlook.ask();
  outlook.close();
  await time.pass(10);
  t.equal(await asked, undefined);
  t.equal(await outlook.ask(), undefined);
});
