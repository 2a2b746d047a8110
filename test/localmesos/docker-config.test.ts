import t from 'tap';
import type { Launch } from '../../src/localmesos/containerizer.js';
import { containerConfig, NotGranted } from '../../src/localmesos/docker-config.js';
import type { ContainerInfo, Parameter, TaskInfo } from '../../src/mesos/messages.js';

/** The configuration of a container for a task like this. */
function configOf(info: Partial<TaskInfo>): Record<string, unknown> {
  const launch: Launch = {
    containerId: 'c1',
    frameworkId: 'f1',
    agentId: 'a1',
    info: { name: 'job', task_id: { value: '7-1' }, agent_id: { value: 'a1' }, ...info },
    memMb: 64,
    cpuMilli: 1_000,
    bootId: 'b',
  };
  return containerConfig(launch, { nodeId: 'n1', granted: [] }).config;
}

/** The HostConfig of a task with these parameters. */
function hostConfig(...parameters: Parameter[]): Record<string, unknown> {
  const container = { type: 'DOCKER', docker: { image: 'debian:12', parameters } } as const;
  return configOf({ container }).HostConfig as Record<string, unknown>;
}

const networkOf = (container: ContainerInfo) =>
  (configOf({ container }).HostConfig as Record<string, unknown>).NetworkMode;

t.test('networks by name, for both containerizers', async (t) => {
  const docker = { type: 'DOCKER', docker: { image: 'x', network: 'USER' } } as const;
  const mesos = {
    type: 'MESOS',
    mesos: { image: { type: 'DOCKER', docker: { name: 'x' } } },
  } as const;
  for (const container of [docker, mesos]) {
    t.equal(networkOf({ ...container, network_infos: [{ name: 'lab.1' }] }), 'lab.1');
    for (const name of ['', 'container:god', 'host', 'bridge', 'none', 'default', '../x', 'a b'])
      t.throws(() => networkOf({ ...container, network_infos: [{ name }] }), NotGranted, name);
    const two = [{ name: 'a' }, { name: 'b' }];
    t.throws(() => networkOf({ ...container, network_infos: two }), NotGranted);
    const port_mappings = [{ host_port: 31_000, container_port: 80 }];
    const mapped = [{ name: 'a', port_mappings }];
    t.throws(() => networkOf({ ...container, network_infos: mapped }), NotGranted);
  }
  t.throws(() => networkOf(docker), NotGranted, 'USER without a name');
  t.equal(networkOf(mesos), 'host', 'as on an agent without CNI');
});

t.test('several host ports may lead to one port of a container', async (t) => {
  const port_mappings = [
    { host_port: 31_000, container_port: 80 },
    { host_port: 31_001, container_port: 80, protocol: 'tcp' },
  ];
  const docker = { image: 'x', network: 'BRIDGE', port_mappings } as const;
  t.match(configOf({ container: { type: 'DOCKER', docker } }), {
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '31000' }, { HostPort: '31001' }] } },
  });
});

t.test('an image for the unified containerizer: as whom, what, how hardened', async (t) => {
  const labels = { labels: [{ key: 'godocker.uid', value: '1001' }] };
  labels.labels.push({ key: 'godocker.gid', value: '1002' });
  labels.labels.push({ key: 'godocker.sgids', value: '1002,7' });
  const task = {
    labels,
    command: { shell: false, value: '/bin/sh', arguments: ['sh', '/mnt/x'], user: 'nobody-here' },
    container: {
      type: 'MESOS',
      mesos: { image: { type: 'DOCKER', docker: { name: 'debian:12' } } },
    },
  } as const;
  t.match(configOf(task), {
    Image: 'debian:12',
    Entrypoint: ['/bin/sh'],
    Cmd: ['/mnt/x'],
    User: '1001:1002',
    HostConfig: { GroupAdd: ['7'], CapDrop: ['ALL'], PidsLimit: 8_192 },
  });
  t.throws(() => configOf({ ...task, labels: {} }), { name: 'NoAccount' }, 'a name nobody has');
  const root = { ...task, labels: {}, command: { value: 'id', user: 'root' } };
  t.match(configOf(root), { User: '0:0', Entrypoint: ['/bin/sh'], Cmd: ['-c', 'id'] });
});

t.test('the hardening that the framework asks for is granted', async (t) => {
  const config = hostConfig(
    { key: 'user', value: '1001:1001' },
    { key: 'cap-drop', value: 'ALL' },
    { key: 'security-opt', value: 'no-new-privileges' },
    { key: 'pids-limit', value: '8192' },
  );
  t.match(config, {
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    PidsLimit: 8_192,
  });
});

t.test('who asks for nothing is hardened all the same', async (t) => {
  t.match(hostConfig(), {
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    PidsLimit: 8_192,
  });
});

t.test('limits may be tightened, never loosened', async (t) => {
  t.equal(hostConfig({ key: 'pids-limit', value: '10' }).PidsLimit, 10);
  t.equal(hostConfig({ key: 'pids-limit', value: '1000000' }).PidsLimit, 8_192);
  t.match(
    hostConfig({ key: 'memory-swap', value: String(2 ** 40) }),
    { Memory: 64 * 2 ** 20, MemorySwap: 64 * 2 ** 20 },
    'no swap, whoever asks',
  );
  for (const [key, value] of [
    ['pids-limit', '-1'],
    ['pids-limit', '0'],
    ['pids-limit', 'many'],
    ['cpu-quota', '-1'],
    ['cpu-quota', '0'],
    ['cpu-quota', 'all'],
    ['cpu-period', '10'],
    ['security-opt', 'seccomp=unconfined'],
    ['security-opt', 'no-new-privileges:false'],
    ['cap-add', 'SYS_ADMIN'],
  ] as const)
    t.throws(() => hostConfig({ key, value }), NotGranted, `${key}=${value}`);
});

t.test('cpus are a share, and a cap beside it where one is asked for', async (t) => {
  t.match(hostConfig(), { CpuShares: 1_024, CpuQuota: undefined });
  const capped = hostConfig(
    { key: 'cpu-period', value: '100000' },
    { key: 'cpu-quota', value: '150000' },
  );
  t.match(capped, { CpuShares: 1_024, CpuPeriod: 100_000, CpuQuota: 150_000 });
});
