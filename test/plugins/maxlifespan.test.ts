import t from 'tap';
import plugin from '../../plugins/watcher-maxlifespan.js';
import type { RunningJob } from '../../src/core/job.js';
import { instant } from '../../src/core/units.js';
import { AT, aSpec } from '../store/a-job.js';

const watcher = plugin.create({}, {} as never);
const verdict = (lifespanMs: number | null, ranMs: number) =>
  watcher.whileRunning(
    { startedAt: AT, spec: aSpec({ lifespanMs }) } as RunningJob,
    instant(AT + ranMs),
  );

t.test('a launch that outlives its lifespan is ended, others are not', async (t) => {
  t.same(verdict(60_000, 60_001), { verdict: 'kill', because: 'it ran longer than 1m' });
  t.same(verdict(60_000, 60_000), { verdict: 'keep' });
  t.same(verdict(null, 1e12), { verdict: 'keep' });
});
