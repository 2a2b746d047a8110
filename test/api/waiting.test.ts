import t from 'tap';
import { describeWaiting } from '../../src/api/waiting.js';
import { instant, userId } from '../../src/core/units.js';

t.test('a waiting job says what it waits for, in numbers', async (t) => {
  t.equal(
    describeWaiting([
      { code: 'too-small', resource: 'cpuMilli', agents: 3, wanted: 4_000, best: 2_500 },
      { code: 'too-small', resource: 'memMb', agents: 1, wanted: 2_000, best: 500 },
      { code: 'constraint', name: 'storage', value: 'ssd', agents: 2 },
      { code: 'custom-too-small', name: 'licence', agents: 1, wanted: 2, best: 0 },
      { code: 'other-executor', executor: 'swarm', agents: 1 },
      { code: 'maintenance', agents: 1, from: instant(1_795_223_460_119) },
      {
        code: 'drained',
        agents: 2,
        from: instant(1_795_223_460_000),
        until: instant(1_795_309_860_000),
        reason: 'new disks',
        by: userId('anna'),
      },
      { code: 'set-aside', agents: 1 },
      { code: 'reserved', agents: 4 },
      { code: 'failed-before', agents: 1 },
      { code: 'reserved-for', agents: 1, until: instant(1_795_223_460_000) },
      { code: 'reserved-for', agents: 2, until: null },
    ]),
    'Not enough resources available: 3 agents with less than 4 cpus free (at most 2.5 cpus); ' +
      '1 agent with less than 2 GB of memory free (at most 0.5 GB of memory); ' +
      '2 agents without storage==ssd; 1 agent with less than 2 of licence free (at most 0); ' +
      '1 agent not of executor swarm; 1 agent before a maintenance window that begins at 2026-11-21T01:11:00Z; ' +
      '2 agents drained by anna from 2026-11-21T01:11:00Z on until 2026-11-22T01:11:00Z (new disks); ' +
      '1 agent set aside because jobs of several users failed there; ' +
      '4 agents reserved for other users or projects; ' +
      '1 agent on which the job has failed before; ' +
      '1 agent with room kept for a large job that has waited longer and starts by 2026-11-21T01:11:00Z; ' +
      '2 agents with room kept for a large job that has waited longer',
  );
});

t.test('a cluster with nothing free says so; a job that is not waiting says nothing', async (t) => {
  t.match(describeWaiting([{ code: 'no-offers' }]), /no agent has anything free now/);
  t.equal(describeWaiting(undefined), null);
  t.equal(describeWaiting([]), null);
});
