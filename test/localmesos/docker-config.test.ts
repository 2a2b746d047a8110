import t from 'tap';
import type { Launch } from '../../src/localmesos/containerizer.js';
import { containerConfig, NotGranted } from '../../src/localmesos/docker-config.js';
import type { Parameter } from '../../src/mesos/messages.js';

/** The HostConfig of a task with these parameters. */
function hostConfig(...parameters: Parameter[]): Record<string, unknown> {
  const launch: Launch = {
    containerId: 'c1',
    frameworkId: 'f1',
    agentId: 'a1',
    info: {
      name: 'job',
      task_id: { value: '7-1' },
      agent_id: { value: 'a1' },
      container: { type: 'DOCKER', docker: { image: 'debian:12', parameters } },
    },
    memMb: 64,
    cpuMilli: 1_000,
    bootId: 'b',
  };
  const { config } = containerConfig(launch, { nodeId: 'n1', granted: [] });
  return config.HostConfig as Record<string, unknown>;
}

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
