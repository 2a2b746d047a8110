// Nodes: who may see and change them, what they tell, and every refusal.
import t, { type Test } from 'tap';
import { AGENTS_SETTING, type AgentFacts } from '../../src/contracts/agents.js';
import { closureSetting } from '../../src/contracts/closures.js';
import type { SetAside } from '../../src/core/closure.js';
import { instant, jobId, taskIdOf, userId } from '../../src/core/units.js';
import { type AService, aService, NOW } from './a-service.js';

const facts = (host: string, part: Partial<AgentFacts> = {}): AgentFacts => ({
  executor: 'mesos',
  host,
  total: { cpuMilli: 4_000, memMb: 8_000, gpus: 1, ports: 1_000, custom: { tokens: 3 } },
  used: { cpuMilli: 500, memMb: 1_000, gpus: 0, ports: 0, custom: {} },
  attributes: { rack: 'r1' },
  isActive: true,
  ...part,
});

async function withNodes(t: Test, agents: readonly AgentFacts[] | null): Promise<AService> {
  const service = await aService(t);
  if (agents !== null) await service.store.putSetting(AGENTS_SETTING, JSON.stringify(agents));
  return service;
}

const MINUTE_S = 60;
const NOW_S = NOW / 1_000;

t.test('everybody signed in sees the nodes, and what they have free', async (t) => {
  const service = await withNodes(t, [facts('n2', { isActive: false }), facts('n1')]);
  t.equal((await service.ask('/api/1.0/nodes', { token: null })).statusCode, 401);
  const { statusCode, payload } = await service.ask('/api/1.0/nodes');
  t.equal(statusCode, 200);
  t.match(JSON.parse(payload), [
    {
      name: 'n1',
      executor: 'mesos',
      state: 'open',
      jobs: 0,
      total: { cpu: 4, ram: 8, gpus: 1, ports: 1_000, custom: { tokens: 3 } },
      used: { cpu: 0.5, ram: 1 },
      free: { cpu: 3.5, ram: 7, gpus: 1, custom: { tokens: 3 } },
      attributes: { rack: 'r1' },
      drain: null,
      set_aside: null,
    },
    { name: 'n2', state: 'away' },
  ]);
});

t.test(
  'a drain is stored, told to the leader, shown to all with its reason, and taken back',
  async (t) => {
    const service = await withNodes(t, [facts('n1')]);
    const root = await service.tokenOf('root');
    const body = {
      reason: ' new disks ',
      at: NOW_S + MINUTE_S,
      until: '2016-06-20T10:00:00+02:00',
    };
    const said = await service.ask('/api/1.0/nodes/n1/drain', {
      method: 'POST',
      body,
      token: root,
    });
    t.equal(said.statusCode, 200, said.payload);
    t.match(JSON.parse(said.payload), {
      node: {
        name: 'n1',
        state: 'drain-planned',
        drain: {
          reason: 'new disks',
          from: NOW_S + MINUTE_S,
          until: Date.UTC(2016, 5, 20, 8) / 1_000,
          by: 'root',
          date: NOW_S,
        },
      },
    });
    t.equal(service.agentsNoticed.count, 1);
    service.later(MINUTE_S * 1_000);
    const [seen] = JSON.parse((await service.ask('/api/1.0/nodes')).payload);
    t.match(seen, { state: 'drained', drain: { reason: 'new disks' } }, 'others see it too');
    const back = await service.ask('/api/1.0/nodes/n1/resume', { method: 'PUT', token: root });
    t.equal(back.statusCode, 200, back.payload);
    t.match(JSON.parse(back.payload), { node: { state: 'open', drain: null } });
    t.equal(service.agentsNoticed.count, 2);
  },
);

t.test('only administrators change nodes', async (t) => {
  const service = await withNodes(t, [facts('n1')]);
  for (const path of ['/api/1.0/nodes/n1/drain', '/api/1.0/nodes/n1/resume']) {
    const { statusCode, payload } = await service.ask(path, {
      method: 'PUT',
      body: { reason: 'mine' },
    });
    t.equal(statusCode, 403, payload);
    t.equal(JSON.parse(payload).code, 'forbidden');
  }
  t.equal(await service.store.setting(closureSetting('drained', facts('n1'))), undefined);
});

t.test('what is wrong with an order is said by field', async (t) => {
  const service = await withNodes(t, [
    facts('n1'),
    facts('n1', { executor: 'swarm' }),
    facts('n2'),
  ]);
  const token = await service.tokenOf('root');
  const cases: readonly (readonly [string, unknown, number, string])[] = [
    ['n2', {}, 400, 'reason'],
    ['n2', { reason: '' }, 400, 'reason'],
    ['n2', { reason: 7 }, 400, 'reason'],
    ['n2', { reason: 'x'.repeat(201) }, 400, 'reason'],
    ['n2', { reason: 'x', at: 'soon' }, 400, 'at'],
    ['n2', { reason: 'x', at: '2016-06-20T10:00:00' }, 400, 'at'],
    ['n2', { reason: 'x', at: 1e300 }, 400, 'at'],
    ['n2', { reason: 'x', until: NOW_S - 1 }, 400, 'until'],
    ['n2', { reason: 'x', at: NOW_S + 60, until: NOW_S + 60 }, 400, 'until'],
    ['n2', { reason: 'x', force: true }, 400, 'force'],
    ['n2', { reason: 'x', executor: 7 }, 400, 'executor'],
    ['n2', { reason: 'x', executor: 'swarm' }, 404, 'name'],
    ['n1', { reason: 'x' }, 400, 'executor'],
    ['n3', { reason: 'x' }, 404, 'name'],
    ['n%2F2', { reason: 'x' }, 400, 'name'],
  ];
  for (const [name, body, status, field] of cases) {
    const { statusCode, payload } = await service.ask(`/api/1.0/nodes/${name}/drain`, {
      method: 'PUT',
      body,
      token,
    });
    t.equal(statusCode, status, `${name} ${JSON.stringify(body)}: ${payload}`);
    t.equal(JSON.parse(payload).field ?? JSON.parse(payload).facts?.field, field, payload);
  }
  t.same([...(await service.store.settings('agent.'))], [], 'nothing was stored');
  const right = { reason: 'x', executor: 'swarm' };
  t.equal(
    (await service.ask('/api/1.0/nodes/n1/drain', { method: 'PUT', body: right, token }))
      .statusCode,
    200,
  );
});

t.test('while the clusters have not told their nodes, an order needs the executor', async (t) => {
  const service = await withNodes(t, null);
  const token = await service.tokenOf('root');
  const order = (body: unknown) =>
    service.ask('/api/1.0/nodes/n1/drain', { method: 'PUT', body, token });
  t.equal((await order({ reason: 'x' })).statusCode, 400);
  t.equal((await order({ reason: 'x', executor: 'mesos' })).statusCode, 200);
  t.match(JSON.parse((await service.ask('/api/1.0/nodes')).payload), [{ name: 'n1', total: null }]);
});

t.test(
  'why a node was set aside: administrators see the evidence, others that it is',
  async (t) => {
    const service = await withNodes(t, [facts('n1')]);
    const closure: SetAside = {
      kind: 'set-aside',
      executor: 'mesos',
      host: 'n1',
      at: NOW,
      probeFrom: instant(NOW + 300_000),
      strikes: 1,
      evidence: [
        {
          taskId: taskIdOf(jobId(7), 1),
          jobId: jobId(7),
          owner: userId('bob'),
          at: NOW,
          how: 'exit code 1',
        },
      ],
    };
    await service.store.putSetting(closureSetting('set-aside', closure), JSON.stringify(closure));
    const [forAlice] = JSON.parse((await service.ask('/api/1.0/nodes')).payload);
    t.match(forAlice, { state: 'set-aside', set_aside: { strikes: 1, probe_from: NOW_S + 300 } });
    t.equal(forAlice.set_aside.evidence, undefined);
    const token = await service.tokenOf('root');
    const [forRoot] = JSON.parse((await service.ask('/api/1.0/nodes', { token })).payload);
    t.same(forRoot.set_aside.evidence, [{ job: 7, user: 'bob', date: NOW_S, how: 'exit code 1' }]);
    service.later(300_000);
    t.match(JSON.parse((await service.ask('/api/1.0/nodes')).payload), [{ state: 'probation' }]);
    await service.ask('/api/1.0/nodes/n1/resume', { method: 'POST', token });
    t.match(JSON.parse((await service.ask('/api/1.0/nodes')).payload), [
      { state: 'open', set_aside: null },
    ]);
  },
);

t.test('a list that another version wrote, or a damaged order, hides no node', async (t) => {
  const service = await withNodes(t, [facts('n1')]);
  await service.store.putSetting('agent.drained.mesos/n1', '{"kind":"drained","host":');
  t.match(JSON.parse((await service.ask('/api/1.0/nodes')).payload), [
    { name: 'n1', state: 'open' },
  ]);
  await service.store.putSetting(AGENTS_SETTING, '[{"host":"n1"}]');
  t.same(JSON.parse((await service.ask('/api/1.0/nodes')).payload), []);
});
