// Who stands where and why, over the API; use by day.
import t, { type Test } from 'tap';
import { readShares, type ShareFacts, type StandingFacts } from '../../src/contracts/shares.js';
import { FAIRSHARE_WEIGHTS, fairshare } from '../../src/core/fairshare.js';
import { fairtree } from '../../src/core/fairtree.js';
import { NO_USE } from '../../src/core/policy.js';
import { instant, jobId, projectId, userId } from '../../src/core/units.js';
import { sumsOf } from '../../src/core/usage.js';
import { AT, aProject, ended, leader, stepTo } from '../store/a-job.js';
import { type AService, aService, aTask, lead, NOW, type ServiceOptions } from './a-service.js';

const API = '/api/1.0';
const HOUR_MS = 3_600_000;
const standing = (cpuHours: number, prio = 50): StandingFacts => ({
  used: { ...NO_USE, ...sumsOf({ cpuMilli: 1_000, memMb: 2_000, gpus: 0 }, cpuHours * HOUR_MS) },
  held: { jobs: 1, cpuMilli: 1_000, memMb: 2_000, gpus: 0 },
  prio,
});
const waiting = (id: number, agoMs: number) => ({
  headId: jobId(id),
  headAt: instant(NOW - agoMs),
  newestAt: instant(NOW - agoMs),
});
const [alice, bob, carl] = ['alice', 'bob', 'carl'].map(userId) as [
  ReturnType<typeof userId>,
  ReturnType<typeof userId>,
  ReturnType<typeof userId>,
];
const everybody = projectId('default');
const dna = projectId('dna');

const FACTS: ShareFacts = {
  at: NOW,
  policy: 'fairshare',
  usage: { kind: 'half-life', halfLifeMs: 604_800_000 },
  advanceMs: 600_000,
  capacity: { cpuMilli: 8_000, memMb: 16_000, gpus: 0 },
  accounts: [
    {
      user: alice,
      project: everybody,
      waiting: 2,
      line: waiting(7, 60_000),
      standing: standing(4),
    },
    { user: bob, project: dna, waiting: 1, line: waiting(9, 0), standing: standing(1, 80) },
    { user: carl, project: everybody, waiting: 0, line: null, standing: standing(2) },
  ],
  users: [
    [alice, standing(4)],
    [bob, standing(1, 80)],
    [carl, standing(2)],
  ],
  projects: [
    [everybody, standing(6)],
    [dna, standing(1)],
  ],
};

async function withShares(
  t: Test,
  deps: NonNullable<ServiceOptions['deps']> = {},
): Promise<AService> {
  const service = await aService(t, { deps: { shares: async () => FACTS, ...deps } });
  await service.store.putProject(aProject({ members: [bob] }));
  return service;
}
const namesOf = (accounts: { user: string; project: string }[]) =>
  accounts.map(({ user, project }) => `${user}/${project}`);

t.test('an administrator sees all, in order, with terms that sum up to the score', async (t) => {
  const service = await withShares(t);
  const token = await service.tokenOf('root');
  const report = (await service.ask(`${API}/share`, { token })).json();
  t.match(report, {
    policy: 'fairshare',
    usage: { kind: 'half-life', half_life: 604_800, advance: 600 },
    date: NOW / 1_000,
    capacity: { cpu: 8, ram: 16, gpus: 0 },
  });
  t.strictSame(namesOf(report.accounts), ['bob/dna', 'alice/default', 'carl/default']);
  t.strictSame(
    report.accounts.map(({ position }: { position: number | null }) => position),
    [1, 2, null],
  );
  for (const { score, terms } of report.accounts) {
    t.equal(terms.length, 11);
    const sum = terms.reduce((all: number, { value }: { value: number }) => all + value, 0);
    t.ok(Math.abs(sum - score) < 1e-12, `${sum} is ${score}`);
  }
  const [first] = report.accounts;
  t.match(first, {
    prio: 80,
    running: 1,
    used: { time: 3600, cpu: 1, ram: 2, cpu_hours: 1, ram_hours: 2 },
  });
  t.match(
    first.terms.find(({ name }: { name: string }) => name === 'user_time'),
    { raw: 3600, unit: 's', normalised: 0, weight: FAIRSHARE_WEIGHTS.userTime, value: 0 },
  );
  t.strictSame(
    report.users.map(({ id }: { id: string }) => id),
    ['alice', 'bob', 'carl'],
  );
  const one = (await service.ask(`${API}/share?user=carl`, { token })).json();
  t.strictSame(namesOf(one.accounts), ['carl/default']);
  t.ok(one.accounts[0].score > 0, 'scored as if he submitted now');
  const project = (await service.ask(`${API}/share?project=dna`, { token })).json();
  t.strictSame(namesOf(project.accounts), ['bob/dna']);
});

t.test('the priority of a queue goes before every score', async (t) => {
  const [first, second, third] = FACTS.accounts;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three');
  const accounts = [
    { ...first, queue: 'short', priority: 80 },
    { ...first, queue: null, priority: 50, line: waiting(8, 0) },
    { ...second, queue: 'night', priority: 10 },
    { ...third, queue: null, priority: 50 },
  ];
  for (const policy of [fairshare(), fairtree()]) {
    const service = await withShares(t, { policy, shares: async () => ({ ...FACTS, accounts }) });
    const token = await service.tokenOf('root');
    const report = (await service.ask(`${API}/share`, { token })).json();
    t.match(report.accounts, [
      { user: 'alice', queue: 'short', queue_priority: 80, position: 1 },
      { user: 'alice', queue: null, queue_priority: 50, position: 2 },
      { user: 'bob', queue: 'night', queue_priority: 10, position: 3 },
      { user: 'carl', queue: null, position: null },
    ]);
    t.ok(report.accounts[2].score < report.accounts[0].score, 'although bob has used least');
  }
});

t.test('users see themselves and their projects, and nobody else', async (t) => {
  const service = await withShares(t);
  const mine = (await service.ask(`${API}/share`)).json();
  t.strictSame(namesOf(mine.accounts), ['alice/default']);
  t.strictSame(
    mine.users.map(({ id }: { id: string }) => id),
    ['alice'],
  );
  t.strictSame(mine.projects, [], 'default is nobody’s own');
  const token = await service.tokenOf('bob');
  const theirs = (await service.ask(`${API}/share`, { token })).json();
  t.strictSame(
    theirs.projects.map(({ id }: { id: string }) => id),
    ['dna'],
  );
  t.equal((await service.ask(`${API}/share?user=bob`)).json().code, 'user-not-found');
  t.equal((await service.ask(`${API}/share?project=dna`)).json().code, 'project-not-found');
  t.equal((await service.ask(`${API}/share?project=rna`)).json().code, 'project-not-found');
});

t.test(
  'a policy in groups tells its group scores; before anybody told it is said so',
  async (t) => {
    const service = await withShares(t, { policy: fairtree() });
    const token = await service.tokenOf('root');
    const { accounts } = (await service.ask(`${API}/share`, { token })).json();
    t.strictSame(namesOf(accounts).slice(0, 2), ['bob/dna', 'alice/default']);
    t.ok(accounts[0].group_score < accounts[1].group_score);
    const none = await withShares(t, { shares: async () => undefined });
    t.match((await none.ask(`${API}/share`)).json(), { code: 'cluster-unavailable' });
  },
);

t.test('what another version wrote is taken only if it is whole', async (t) => {
  t.strictSame(readShares(JSON.stringify(FACTS)), FACTS);
  for (const text of ['', 'nonsense', '{}', 'null', JSON.stringify({ ...FACTS, users: null })])
    t.equal(readShares(text), undefined);
});

t.test('use by day, in the historic shape', async (t) => {
  const service = await aService(t);
  await service.store.putProject(aProject({ members: [alice] }));
  const tasks = [aTask(), aTask({ more: { user: { id: 'alice', project: 'dna' } } })];
  const epoch = await leader(service.store);
  for (const task of tasks) {
    const running = await lead(service, await service.submit(task), 'running');
    if (running.state !== 'running') throw new Error('it should run');
    const over = { ...ended(running), endedAt: instant(running.startedAt + 5_000) };
    await service.store.advance(epoch, [stepTo(running, over)]);
  }
  // Jobs of these suites run in 2023; the service looks at them from there.
  service.later(AT - NOW);
  const [day, ...more] = (await service.ask(`${API}/user/alice/usage`)).json();
  t.strictSame(more, []);
  t.match(day, { cpu: 2, ram: 4, gpus: 0 });
  t.match(day.date, /^2023_11_14$/);
  t.equal(day.time, 10);
  const project = (await service.ask(`${API}/project/dna/usage`)).json();
  t.match(project, [{ cpu: 1, ram: 2, time: 5 }]);
  t.equal((await service.ask(`${API}/project/default/usage`)).statusCode, 404, 'not everybody’s');
  t.equal((await service.ask(`${API}/user/bob/usage`)).statusCode, 404);
});
