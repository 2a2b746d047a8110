/** What a launch is ordered with: the share it may use, told to the job, and when its image is pulled. */
import t from 'tap';
import type { JobSpec } from '../../src/core/job.js';
import { NO_NEEDS } from '../../src/core/resources.js';
import { NEVER_RETRIED } from '../../src/core/retry.js';
import { environmentOf, taskOrder, USUAL_CONTAINERS } from '../../src/daemon/task-order.js';
import { isPulledAlways } from '../../src/service/cluster.js';
import { aLaunching, aSpec } from '../core/samples.js';

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
  const containers = { isCpuCapped: true, alwaysPull: (image: string) => image === 'debian:12' };
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
