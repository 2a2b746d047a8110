import t from 'tap';
import type { TaskOrder } from '../../src/contracts/cluster.js';
import { agentId, instant, jobId, taskIdOf } from '../../src/core/units.js';
import { accept, launch } from '../../src/mesos/calls.js';
import {
  decodeCall,
  decodeEvent,
  encodeCall,
  JSON_TYPE,
  PROTOBUF_TYPE,
} from '../../src/mesos/codec.js';
import type { UnifiedForm } from '../../src/mesos/containers.js';
import { capacityOf, clusterOffer, isReceipt, taskUpdate } from '../../src/mesos/events.js';
import type { Offer, Resource, TaskInfo } from '../../src/mesos/messages.js';
import { Stock, taskInfo } from '../../src/mesos/orders.js';
import { records, transcript } from './transcript.js';

const allocation_info = { role: 'god' };
const scalar = (name: string, value: number, more: Partial<Resource> = {}): Resource => ({
  name,
  type: 'SCALAR',
  scalar: { value },
  allocation_info,
  ...more,
});
const ranges = (name: string, ...all: [number, number][]): Resource => ({
  name,
  type: 'RANGES',
  ranges: { range: all.map(([begin, end]) => ({ begin, end })) },
  allocation_info,
});
const anOffer = (...resources: Resource[]): Offer => ({
  id: { value: 'o1' },
  framework_id: { value: 'f1' },
  agent_id: { value: 'a1' },
  hostname: 'node1',
  allocation_info,
  resources,
});
const anOrder = (more: Partial<TaskOrder> = {}): TaskOrder => ({
  taskId: taskIdOf(jobId(7), 1),
  jobId: jobId(7),
  name: 'hello',
  agentId: agentId('a1'),
  role: 'god',
  needs: { cpuMilli: 500, memMb: 64, gpus: 0, ports: 0, custom: {} },
  ports: [],
  containerPorts: [],
  image: null,
  alwaysPull: false,
  isCpuCapped: false,
  volumes: [],
  hasNetwork: false,
  networkName: null,
  identity: { uid: 1001, gid: 1002, sgids: [1002, 2000], home: '/home/u', email: null },
  isRoot: false,
  argv: ['/bin/sh', '-e', '/jobs/7/script'],
  environment: { GODOCKER_JID: '7' },
  labels: { 'godocker.installation': 'i1' },
  killGraceMs: 5_000,
  lifespanMs: null,
  credentialsFile: null,
  login: 'u',
  ...more,
});
const FORM = { network: 'BRIDGE' } as const;
const make = (order: TaskOrder, offer = anOffer(scalar('cpus', 4), scalar('mem', 4_096))) =>
  taskInfo(order, new Stock([offer]), FORM);
/** The options of the docker command, by name. */
const parametersOf = (order: TaskOrder): Record<string, string> =>
  Object.fromEntries(
    (make(order).container?.docker?.parameters ?? []).map(({ key, value }) => [key, value]),
  );

t.test('a plain process: argument vector without a shell, identity as labels', async (t) => {
  t.strictSame(make(anOrder()), {
    name: 'hello',
    task_id: { value: '7-1' },
    agent_id: { value: 'a1' },
    resources: [scalar('cpus', 0.5), scalar('mem', 64)],
    command: {
      shell: false,
      value: '/bin/sh',
      arguments: ['/bin/sh', '-e', '/jobs/7/script'],
      environment: { variables: [{ name: 'GODOCKER_JID', value: '7' }] },
    },
    kill_policy: { grace_period: { nanoseconds: 5_000_000_000 } },
    labels: {
      labels: [
        { key: 'godocker.installation', value: 'i1' },
        { key: 'godocker.uid', value: '1001' },
        { key: 'godocker.gid', value: '1002' },
        { key: 'godocker.sgids', value: '1002,2000' },
      ],
    },
  });
});

t.test('a container: entry point, user, groups, volumes, no network', async (t) => {
  const order = anOrder({
    image: 'debian:12',
    volumes: [
      { name: 'go-docker', path: '/jobs/7', mount: '/mnt/go-docker', acl: 'rw' },
      { name: 'db', path: '/db', mount: '/mnt/db', acl: 'ro' },
    ],
  });
  const task = make(order);
  t.strictSame(task.command?.arguments, ['-e', '/jobs/7/script']);
  t.equal(task.command?.value, undefined, 'agents would put it before the arguments');
  t.strictSame(task.container, {
    type: 'DOCKER',
    docker: {
      image: 'debian:12',
      network: 'NONE',
      privileged: false,
      parameters: [
        { key: 'user', value: '1001:1002' },
        { key: 'group-add', value: '2000' },
        { key: 'entrypoint', value: '/bin/sh' },
        { key: 'cap-drop', value: 'ALL' },
        { key: 'security-opt', value: 'no-new-privileges' },
        { key: 'pids-limit', value: '8192' },
        { key: 'memory-swap', value: String(64 * 2 ** 20) },
      ],
      force_pull_image: false,
    },
    volumes: [
      { container_path: '/mnt/go-docker', host_path: '/jobs/7', mode: 'RW' },
      { container_path: '/mnt/db', host_path: '/db', mode: 'RO' },
    ],
  });
});

t.test(
  'a lifespan is the time that the agent itself ends the task after, with some slack',
  async (t) => {
    t.equal(make(anOrder()).max_completion_time, undefined);
    t.strictSame(make(anOrder({ lifespanMs: 3_600_000 })).max_completion_time, {
      nanoseconds: 3_630_000_000_000,
    });
  },
);
t.test('memory has no swap beside it, not even where the agent rounds it up', async (t) => {
  const swapOf = (memMb: number) =>
    parametersOf(anOrder({ image: 'x', needs: { ...anOrder().needs, memMb } }))['memory-swap'];
  t.equal(swapOf(1_000), String(1_000 * 2 ** 20));
  t.equal(swapOf(5), String(32 * 2 ** 20), 'agents give no container less');
});

t.test('cpus are a share; a cap where the site says so', async (t) => {
  const order = anOrder({ image: 'x', needs: { ...anOrder().needs, cpuMilli: 1_500 } });
  t.notMatch(parametersOf(order), { 'cpu-quota': String });
  t.match(parametersOf({ ...order, isCpuCapped: true }), {
    'cpu-period': '100000',
    'cpu-quota': '150000',
  });
  const least = anOrder({ image: 'x', isCpuCapped: true, needs: { ...order.needs, cpuMilli: 1 } });
  t.match(parametersOf(least), { 'cpu-quota': '1000' }, 'the kernel takes no less');
});

t.test('an image is asked for anew where the order says so', async (t) => {
  const isForced = (order: TaskOrder) => make(order).container?.docker?.force_pull_image;
  t.equal(isForced(anOrder({ image: 'x' })), false);
  t.equal(isForced(anOrder({ image: 'x', alwaysPull: true })), true);
});

t.test('root is root only where the order says so', async (t) => {
  const docker = make(anOrder({ image: 'x', isRoot: true })).container?.docker;
  t.strictSame(docker?.parameters?.[0], { key: 'user', value: '0:0' });
  t.notOk(docker?.parameters?.some(({ key }) => key === 'group-add' || key === 'cap-drop'));
  t.ok(
    docker?.parameters?.some(({ key }) => key === 'security-opt'),
    'gains nothing on the way',
  );
  t.equal(docker?.privileged, false);
});

t.test('ports are mapped one to one, on a bridge', async (t) => {
  const offer = anOffer(scalar('cpus', 1), scalar('mem', 64), ranges('ports', [31_000, 31_009]));
  const order = anOrder({
    image: 'x',
    hasNetwork: true,
    ports: [31_005, 31_000],
    containerPorts: [80, 22],
  });
  const task = make(order, offer);
  t.equal(task.container?.docker?.network, 'BRIDGE');
  t.strictSame(task.container?.docker?.port_mappings, [
    { host_port: 31_005, container_port: 80, protocol: 'tcp' },
    { host_port: 31_000, container_port: 22, protocol: 'tcp' },
  ]);
  t.strictSame(task.resources?.[0], ranges('ports', [31_000, 31_000], [31_005, 31_005]));
});

t.test('a network by name: no ports are mapped, whatever was asked', async (t) => {
  const order = anOrder({ image: 'x', hasNetwork: true, networkName: 'lab', containerPorts: [80] });
  t.match(make(order).container, {
    docker: { network: 'USER', port_mappings: undefined },
    network_infos: [{ name: 'lab' }],
  });
  const none = make({ ...order, hasNetwork: false }).container;
  t.match(none, { docker: { network: 'NONE' }, network_infos: undefined });
});

const UNIFIED = { taskUser: '$USERID', noNetworkName: 'nothing', imageCredentials: null };
const unified = (order: TaskOrder, more: Partial<UnifiedForm> = {}): TaskInfo => {
  const offer = anOffer(scalar('cpus', 4), scalar('mem', 4_096));
  return taskInfo(order, new Stock([offer]), {
    ...FORM,
    unified: { ...UNIFIED, ...more },
  });
};

t.test(
  "Mesos' own containerizer: image by the docker provider, bounded, as the user",
  async (t) => {
    const volumes = [{ name: 'db', path: '/db', mount: '/mnt/db', acl: 'ro' }] as const;
    const task = unified(
      anOrder({
        image: 'debian:12',
        alwaysPull: true,
        hasNetwork: true,
        login: 'anna',
        volumes,
      }),
    );
    t.match(task.command, {
      shell: false,
      user: 'anna',
      value: '/bin/sh',
      arguments: ['/bin/sh', '-e', '/jobs/7/script'],
    });
    t.strictSame(task.container, {
      type: 'MESOS',
      mesos: { image: { type: 'DOCKER', docker: { name: 'debian:12' }, cached: false } },
      volumes: [{ container_path: '/mnt/db', host_path: '/db', mode: 'RO' }],
      linux_info: {
        bounding_capabilities: {},
        effective_capabilities: {},
        share_pid_namespace: false,
      },
      rlimit_info: { rlimits: [{ type: 'RLMT_NPROC', hard: 8_192, soft: 8_192 }] },
    });
    for (const type of [JSON_TYPE, PROTOBUF_TYPE] as const) {
      const call = accept('f1', ['o1'], [launch([task])], 0);
      t.strictSame(
        decodeCall(encodeCall(call, type), type),
        call,
        `empty bounds arrive by ${type}`,
      );
    }
  },
);

t.test(
  "Mesos' own containerizer: root is bounded too; accounts and networks by name",
  async (t) => {
    const root = unified(anOrder({ image: 'x', hasNetwork: true, isRoot: true }));
    t.equal(root.command?.user, 'root');
    const bounds = root.container?.linux_info?.bounding_capabilities?.capabilities ?? [];
    t.ok(bounds.includes('CHOWN'));
    t.notOk(bounds.includes('SYS_ADMIN') || bounds.includes('NET_ADMIN'));
    const order = anOrder({ image: 'x', hasNetwork: true, networkName: 'lab' });
    t.strictSame(unified(order).container?.network_infos, [{ name: 'lab' }]);
    t.equal(unified(order, { taskUser: 'jobs' }).command?.user, 'jobs');
    const none = anOrder({ image: 'x', hasNetwork: false, networkName: 'lab' });
    t.strictSame(unified(none).container?.network_infos, [{ name: 'nothing' }]);
    t.strictSame(
      unified(none, { noNetworkName: null }).container?.network_infos,
      [{ name: 'none' }],
      'never the network of the agent instead',
    );
    t.equal(unified(anOrder()).container, undefined, 'a plain process stays one');
    t.equal(unified(anOrder()).command?.user, undefined);
  },
);

t.test('credentials for registries', async (t) => {
  const imageCredentials = Buffer.from('{"auths":{}}');
  t.strictSame(
    unified(anOrder({ image: 'x', hasNetwork: true }), { imageCredentials }).container?.mesos?.image
      ?.docker?.config,
    { type: 'VALUE', value: { data: imageCredentials.toString('base64') } },
  );
  const own = anOrder({ image: 'x', credentialsFile: '/home/anna/docker.tar.gz' });
  const uri = {
    value: 'file:///home/anna/docker.tar.gz',
    extract: true,
    executable: false,
    cache: false,
  };
  t.strictSame(make(own).command?.uris, [uri]);
  t.strictSame(unified(own).command?.uris, [uri]);
});

t.test('GPUs are taken whole, over offers', async (t) => {
  const needs = { cpuMilli: 500, memMb: 64, gpus: 3, ports: 0, custom: {} };
  const offers = [
    anOffer(scalar('cpus', 1), scalar('mem', 64), scalar('gpus', 1)),
    anOffer(scalar('gpus', 4)),
  ];
  const { resources } = taskInfo(anOrder({ needs }), new Stock(offers), FORM);
  t.strictSame(resources?.slice(2), [scalar('gpus', 1), scalar('gpus', 2)]);
});

t.test(
  'refined reservations keep their whole stack; ports and sets are reserved like the rest',
  async (t) => {
    const reservations = [
      { type: 'STATIC', role: 'god' },
      {
        type: 'DYNAMIC',
        role: 'god/night',
        principal: 'ops',
        labels: { labels: [{ key: 'why', value: 'course' }] },
      },
    ] as const;
    const slots = { name: 'slots', type: 'SET', reservations, allocation_info } as const;
    const offer = anOffer(
      scalar('cpus', 4),
      scalar('mem', 64, { reservations }),
      scalar('gpus', 1, { reservations }),
      ranges('ports', [31_000, 31_001]),
      { ...ranges('ports', [32_000, 32_001]), reservations },
      { ...slots, set: { item: ['a', 'b'] } },
    );
    const needs = { cpuMilli: 500, memMb: 64, gpus: 1, ports: 2, custom: { slots: 1 } };
    const order = anOrder({ needs, ports: [32_001, 31_000], containerPorts: [80, 81] });
    t.strictSame(make(order, offer).resources, [
      { ...ranges('ports', [32_001, 32_001]), reservations },
      ranges('ports', [31_000, 31_000]),
      scalar('cpus', 0.5),
      scalar('mem', 64, { reservations }),
      scalar('gpus', 1, { reservations }),
      { ...slots, set: { item: ['a'] } },
    ]);
  },
);

t.test('an agent needs no attribute named hostname', async (t) => {
  t.match(clusterOffer(anOffer(scalar('cpus', 1))), { host: 'node1', attributes: {} });
});

t.test('what is reserved for us goes first, in the form it came', async (t) => {
  const reservations = [{ type: 'STATIC', role: 'god' }] as const;
  const offer = anOffer(
    scalar('cpus', 4),
    scalar('mem', 512),
    scalar('cpus', 0.3, { reservations }),
  );
  t.strictSame(make(anOrder(), offer).resources, [
    scalar('cpus', 0.3, { reservations }),
    scalar('cpus', 0.2),
    scalar('mem', 64),
  ]);
});

t.test('thousandths never drift, over offers and orders', async (t) => {
  const stock = new Stock([
    anOffer(scalar('cpus', 0.1), scalar('mem', 100)),
    anOffer(scalar('cpus', 0.2), scalar('mem', 200)),
  ]);
  const needs = { cpuMilli: 100, memMb: 100, gpus: 0, ports: 0, custom: {} };
  for (let n = 0; n < 3; n++) stock.take(anOrder({ needs }));
  t.throws(() => stock.take(anOrder({ needs })), { name: 'Bug' }, 'nothing is left');
});

t.test('site-defined scalars, ranges and sets are taken by the unit', async (t) => {
  const slots: Resource = { name: 'slots', type: 'SET', set: { item: ['a', 'b', 'c'] } };
  const offer = anOffer(
    scalar('cpus', 1),
    scalar('mem', 64),
    scalar('licence', 3),
    ranges('seat', [1, 2], [7, 9]),
    slots,
    scalar('disk', 1_000),
    scalar('cpus', 9, { revocable: {} }),
    scalar('mem', 9, { shared: {} }),
  );
  t.strictSame(capacityOf(offer.resources ?? []), {
    cpuMilli: 1_000,
    memMb: 64,
    gpus: 0,
    ports: [],
    custom: { licence: 3, seat: 5, slots: 3 },
  });
  const custom = { licence: 2, seat: 3, slots: 2 };
  const order = anOrder({ needs: { cpuMilli: 500, memMb: 64, gpus: 0, ports: 0, custom } });
  t.strictSame(make(order, offer).resources?.slice(2), [
    scalar('licence', 2),
    ranges('seat', [1, 2], [7, 7]),
    { ...slots, set: { item: ['a', 'b'] } },
  ]);
});

t.test('a port that was not offered is a bug of ours', async (t) => {
  const offer = anOffer(scalar('cpus', 1), scalar('mem', 64), ranges('ports', [31_000, 31_009]));
  t.throws(() => make(anOrder({ ports: [80], containerPorts: [80] }), offer), { name: 'Bug' });
});

t.test('the ACCEPT we make is one a master can read', async (t) => {
  const task = make(anOrder({ image: 'x' }));
  const call = accept('f1', ['o1'], [launch([task])], 0);
  t.strictSame(decodeCall(encodeCall(call, JSON_TYPE), JSON_TYPE), call);
});

const eventsOf = (name: string) =>
  records(transcript(name)).map((record) => decodeEvent(record, JSON_TYPE));

t.test('a recorded offer, as facts', async (t) => {
  const events = eventsOf('basic-json-subscribe-mesos-1.12.0.recordio');
  const offers = events.flatMap((event) => event.offers?.offers ?? []).map(clusterOffer);
  const first = offers.find(({ attributes }) => attributes.rack === 'r1');
  t.match(first, {
    host: '127.0.0.1',
    free: { cpuMilli: 4_000, memMb: 4_096, gpus: 0, custom: {} },
    attributes: { rack: 'r1', zone: /^z/, num: '1' },
    unavailableFrom: null,
  });
  t.strictSame(first?.free.ports, [{ begin: 31_000, end: 31_999 }]);
});

t.test('a maintenance window shows in offers', async (t) => {
  const events = eventsOf('maintenance-subscribe-mesos-1.12.0.recordio');
  const windows = events
    .flatMap((event) => event.offers?.offers ?? [])
    .map((offer) => clusterOffer(offer).unavailableFrom)
    .filter((at) => at !== null);
  t.ok(windows.length > 0);
  t.ok(windows.every((at) => at > Date.UTC(2026, 10, 20) && at < Date.UTC(2026, 10, 23)));
});

t.test('recorded updates, as facts', async (t) => {
  const updates = eventsOf('docker-subscribe-mesos-1.12.0.recordio')
    .flatMap((event) => event.update?.status ?? [])
    .map((status) => taskUpdate(status, instant(5)));
  const running = updates.filter(({ state }) => state === 'running');
  t.ok(running.length >= 3);
  for (const update of running)
    t.match(update.containerId, /^[0-9a-f]{64}$/, 'from docker inspect');
  t.ok(
    running.some(({ ipAddress }) => ipAddress?.startsWith('172.17.')),
    'a bridged address',
  );
  t.ok(updates.every(({ receipt }) => isReceipt(receipt)));
  const failed = updates.find(({ reason }) => reason === 'container-launch-failed');
  t.match(failed, { state: 'failed', message: String });
});

t.test('updates that must not be acknowledged have no receipt', async (t) => {
  const all = eventsOf('agent-failure-subscribe-mesos-1.12.0.recordio').flatMap(
    (event) => event.update?.status ?? [],
  );
  const lost = all
    .map((status) => taskUpdate(status, instant(5)))
    .filter((u) => u.state === 'unreachable');
  t.ok(lost.some(({ reason }) => reason === 'agent-removed'));
  t.ok(lost.every(({ receipt }) => receipt === null));
});

t.test('an update that says little has nulls, and our time', async (t) => {
  const status = {
    task_id: { value: 'x' },
    state: 'TASK_GONE_BY_OPERATOR',
    data: 'bm9uc2Vuc2U=',
  } as const;
  t.strictSame(taskUpdate(status, instant(5)), {
    taskId: 'x',
    agentId: null,
    state: 'gone-by-operator',
    reason: null,
    message: null,
    at: 5,
    containerId: null,
    ipAddress: null,
    labels: {},
    receipt: null,
  });
});
