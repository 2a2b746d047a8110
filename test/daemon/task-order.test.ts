/** What a launch is ordered with: the share it may use, told to the job, and when its image is pulled. */
import t from 'tap';
import type { JobSpec } from '../../src/core/job.js';
import { NO_NEEDS } from '../../src/core/resources.js';
import { NEVER_RETRIED } from '../../src/core/retry.js';
import {
  environmentOf,
  type TaskMode,
  taskOrder,
  USUAL_CONTAINERS,
} from '../../src/daemon/task-order.js';
import { isPulledAlways } from '../../src/service/cluster.js';
import { aLaunching, aPlacement, aSpec } from '../core/samples.js';

const jobWith = (spec: Partial<JobSpec>) => aLaunching({ spec: aSpec(spec) });
const context = {
  mode: 'container',
  installation: 'i1',
  role: '*',
  containers: USUAL_CONTAINERS,
} as const;

t.test('a job sees what it was given', async (t) => {
  const needs = { ...NO_NEEDS, cpuMilli: 1_500, memMb: 2_500, gpus: 1 };
  for (const mode of ['container', 'process'] as const)
    t.match(
      environmentOf(jobWith({ needs }), '/jobs/7', mode),
      { GODOCKER_CPUS: '1.5', GODOCKER_MEMORY_MB: '2500', GODOCKER_GPUS: '1' },
      mode,
    );
});

t.test('memory that rules have granted is ordered, and the job sees it', async (t) => {
  const retried = { ...NEVER_RETRIED, memMbGranted: 6_000 };
  const needs = { ...NO_NEEDS, cpuMilli: 1_000, memMb: 2_000 };
  const { environment, needs: ordered } = taskOrder({ ...jobWith({ needs }), retried }, context);
  t.equal(ordered.memMb, 6_000);
  t.match(environment, { GODOCKER_MEMORY_MB: '6000' });
});

t.test('the number of threads is for the image and the script to choose first', async (t) => {
  const { environment } = taskOrder(jobWith({}), context);
  t.notOk('OMP_NUM_THREADS' in environment, 'it would replace what the image says');
});

t.test('what the site decides of containers goes with the order', async (t) => {
  const usual = taskOrder(jobWith({ image: 'debian:12' }), context);
  t.match(usual, { alwaysPull: false, isCpuCapped: false });
  const alwaysPull = (image: string) => image === 'debian:12';
  const containers = { ...USUAL_CONTAINERS, isCpuCapped: true, alwaysPull };
  const strict = taskOrder(jobWith({ image: 'debian:12' }), { ...context, containers });
  t.match(strict, { alwaysPull: true, isCpuCapped: true });
  const other = taskOrder(jobWith({ image: 'debian:13' }), { ...context, containers });
  t.equal(other.alwaysPull, false);
});

t.test(
  'an image is pulled as its entry of the catalogue says, else as the site does',
  async (t) => {
    const entry = (url: string, pull: 'missing' | 'always' | null) => ({
      ...{ name: url, url, pull },
      ...{ isInteractive: false, isDefault: false },
    });
    const digest = `tools@sha256:${'0'.repeat(64)}`;
    const catalogue = [
      entry('debian:12', null),
      entry('tools:latest', 'always'),
      entry('big:1', 'missing'),
      entry(digest, 'always'),
    ];
    const cases = [
      ['debian:12', false, true],
      ['tools:latest', true, true],
      ['big:1', false, false],
      ['not-listed:1', false, true],
      [digest, false, false],
      [`debian@sha256:${'1'.repeat(64)}`, false, false],
    ] as const;
    for (const [image, whenMissing, whenAlways] of cases) {
      const images = { catalogue, isAnyAllowed: true };
      t.equal(isPulledAlways({ ...images, pull: 'missing' }, image), whenMissing, image);
      t.equal(isPulledAlways({ ...images, pull: 'always' }, image), whenAlways, image);
    }
  },
);

const order = (spec: Partial<JobSpec>, mode: TaskMode = 'container', ports: number[] = []) =>
  taskOrder(aLaunching({ spec: aSpec(spec), placement: { ...aPlacement(), ports } }), {
    ...context,
    mode,
    containers: {
      ...USUAL_CONTAINERS,
      registry: 'registry.site/team',
      networkNames: { public: 'weave', user: 'god-$USERID', project: null },
    },
    credentialsFile: '/home/bob/c.tar.gz',
  });

t.test('images come from the registry of the site, also those that name another', async (t) => {
  const cases: Record<string, string> = {
    'debian:12': 'registry.site/team/debian:12',
    'quay.io/bio/bwa': 'registry.site/team/quay.io/bio/bwa',
    'registry.site/team/debian:12': 'registry.site/team/debian:12',
    'registry.site/team2/debian': 'registry.site/team/registry.site/team2/debian',
  };
  for (const [image, whole] of Object.entries(cases)) t.equal(order({ image }).image, whole);
  t.equal(order({}, 'process').image, null, 'processes have none');
});

t.test('networks have the names of the site, with the words of the job in them', async (t) => {
  const networkName = (spec: Partial<JobSpec>) => order({ hasNetwork: true, ...spec }).networkName;
  t.equal(networkName({ network: null }), null);
  t.equal(networkName({ network: 'public' }), 'weave');
  t.equal(networkName({ network: 'user' }), 'god-bob');
  t.equal(networkName({ network: 'project' }), 'project', 'gone from the settings: no other one');
  t.equal(networkName({ network: 'user', hasNetwork: false }), null);
});

t.test('ports of the agent are told to the job; lifespan and credentials go along', async (t) => {
  const { environment, credentialsFile, lifespanMs, login } = order(
    { ports: [80, 22], lifespanMs: 5_000 },
    'container',
    [31_005, 31_000],
  );
  t.equal(environment.GODOCKER_PORTS, '31005,31000');
  t.match({ credentialsFile, lifespanMs, login }, { lifespanMs: 5_000, login: 'bob' });
  t.equal(credentialsFile, '/home/bob/c.tar.gz');
  t.equal(order({}, 'process').credentialsFile, null);
  t.notOk('GODOCKER_PORTS' in order({}).environment);
});
