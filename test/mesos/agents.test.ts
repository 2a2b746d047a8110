import t from 'tap';
import { agentFacts, agentShapes } from '../../src/mesos/agents.js';

/** As Mesos 1.12.0 tells an agent, without the fields that nobody reads here. */
const agent = (id: string, attributes: object, resources: object = {}) => ({
  id,
  hostname: '127.0.0.1',
  attributes,
  resources: { disk: 10_000, mem: 4_096, gpus: 0, cpus: 4, ports: '[31000-31999]', ...resources },
});

t.test('agents that are alike are one kind', async (t) => {
  const told = {
    slaves: [
      agent('S0', { rack: 'r1', num: 1 }),
      agent('S1', { rack: 'r2', num: 1 }, { cpus: 0.5, gpus: 2 }),
      agent('S2', { rack: 'r1', num: 1 }),
    ],
  };
  const ports = [{ begin: 31_000, end: 31_999 }];
  t.same(agentShapes(told), [
    {
      total: { cpuMilli: 4_000, memMb: 4_096, gpus: 0, ports, custom: { disk: 10_000 } },
      attributes: { rack: 'r1', num: '1' },
      count: 2,
    },
    {
      total: { cpuMilli: 500, memMb: 4_096, gpus: 2, ports, custom: { disk: 10_000 } },
      attributes: { rack: 'r2', num: '1' },
      count: 1,
    },
  ]);
});

t.test('custom resources of each kind, and several ranges of ports', async (t) => {
  const more = { tokens: 7.9, lanes: '[1-4, 9-9]', keys: '{a, b, c}', ports: '[1-2, 5-6]' };
  const [kind] = agentShapes({ slaves: [agent('S0', {}, more)] }) ?? [];
  t.match(kind?.total.custom, { tokens: 7, lanes: 5, keys: 3 });
  t.same(kind?.total.ports, [
    { begin: 1, end: 2 },
    { begin: 5, end: 6 },
  ]);
});

t.test('no agent is an inventory of none; what is no such page is none at all', async (t) => {
  t.same(agentShapes({ slaves: [] }), []);
  for (const told of [
    undefined,
    null,
    7,
    'x',
    {},
    { slaves: 1 },
    { slaves: [null] },
    { slaves: [{}] },
  ])
    t.equal(agentShapes(told), null);
  const many = Array.from({ length: 201 }, (_, n) => agent(`S${n}`, { host: `h${n}` }));
  t.equal(agentShapes({ slaves: many }), null, 'too many kinds to be worth a list');
});

t.test('agents one by one, with what tasks hold there', async (t) => {
  const told = {
    slaves: [
      {
        ...agent('S0', { rack: 'r1' }),
        used_resources: { cpus: 1.5, mem: 96, ports: '[31000-31001]' },
      },
      { ...agent('S1', {}), hostname: 'n2', active: false },
      { ...agent('S2', {}), hostname: 'n3', deactivated: true },
      { ...agent('S3', {}), hostname: undefined },
    ],
  };
  const found = agentFacts(told, 'mesos');
  t.match(found, [
    {
      executor: 'mesos',
      host: '127.0.0.1',
      total: { cpuMilli: 4_000, memMb: 4_096, ports: 1_000 },
      used: { cpuMilli: 1_500, memMb: 96, gpus: 0, ports: 2 },
      attributes: { rack: 'r1' },
      isActive: true,
    },
    { host: 'n2', used: { cpuMilli: 0 }, isActive: false },
    { host: 'n3', isActive: false },
  ]);
  t.equal(found?.length, 3, 'one without a name cannot be named');
  for (const none of [null, {}, { slaves: [null] }, { slaves: [{}] }])
    t.equal(agentFacts(none, 'mesos'), null);
});
