// Where a job stands, what limits it, when it may start; and why another one stands before it.
import t, { type Test } from 'tap';
import type { Foreseen, OutlookFacts } from '../../src/contracts/outlook.js';
import type { ShareFacts } from '../../src/contracts/shares.js';
import { NO_USE } from '../../src/core/policy.js';
import { NOTHING } from '../../src/core/resources.js';
import { instant, type JobId, jobId, projectId, userId } from '../../src/core/units.js';
import { sumsOf } from '../../src/core/usage.js';
import { aProject } from '../store/a-job.js';
import { type AService, aService, aTask, lead, NOW } from './a-service.js';

const API = '/api/1.0';
const [alice, bob] = [userId('alice'), userId('bob')];
const everybody = projectId('default');

const FORESEEN: Foreseen = {
  at: instant(NOW - 2_000),
  starts: [],
  end: 'started',
  until: instant(NOW + 3_600_000),
  bases: { like: 4, lifespan: 2, site: 0, unknown: 0 },
  agents: 3,
};

function outlookOf(
  first: readonly number[],
  foreseen: Partial<Foreseen> | null = {},
): OutlookFacts {
  const accounts = [alice, bob].map((user) => ({ user, project: everybody, queue: null }));
  return {
    survey: {
      at: instant(NOW - 3_000),
      inLine: 1_000_000,
      isWhole: true,
      first: first.map(jobId),
      accounts,
      marks: [{ at: 150_000, lastIds: [1_000_000, 1_000_000] }],
    },
    foreseen: foreseen === null ? null : { ...FORESEEN, ...foreseen },
  };
}

interface Site {
  outlook?: OutlookFacts;
  shares?: ShareFacts;
}

async function aSite(t: Test, settings = {}): Promise<AService & { readonly site: Site }> {
  const site: Site = {};
  const service = await aService(t, {
    settings,
    deps: { outlook: async () => site.outlook, shares: async () => site.shares },
  });
  await service.store.putProject(aProject({ members: [alice, bob] }));
  return { ...service, site };
}

const why = async (service: AService, path: string, token?: string) =>
  service.ask(`${API}/task/${path}`, token === undefined ? {} : { token });

t.test('a place that is exact, and an estimate with what it stands on', async (t) => {
  const service = await aSite(t);
  const id = await service.submit();
  service.site.outlook = outlookOf([900, id], { starts: [[id, 600, 300, null]] });
  const answer = await why(service, `${id}/why`);
  t.match(answer.json(), {
    id,
    primary: 'pending',
    position: { from: 2, to: 2, of: 1_000_000, age: 3, date: NOW / 1_000 - 3 },
    estimate: {
      kind: 'about',
      date: NOW / 1_000 + 598,
      from: NOW / 1_000 + 298,
      to: null,
      basis: { like: 4, lifespan: 2 },
      agents: 3,
    },
    impossible: null,
  });
});

t.test('far behind: a range, and no estimate', async (t) => {
  const service = await aSite(t);
  const id = await service.submit();
  service.site.outlook = outlookOf([900, 901]);
  t.match((await why(service, `${id}/why`)).json(), {
    position: { from: 3, to: 150_000 },
    estimate: { kind: 'unknown', because: 'far-back', from: null },
  });
});

t.test('why nothing is told of a start', async (t) => {
  const service = await aSite(t);
  const id = await service.submit();
  const cases: readonly (readonly [OutlookFacts, string, number | null])[] = [
    [outlookOf([id], null), 'under-way', null],
    [outlookOf([id], { starts: [[id, null, null, null]], end: 'stuck' }), 'no-place', null],
    [
      outlookOf([id], {
        starts: [[id, null, null, null]],
        end: 'stuck',
        bases: { ...FORESEEN.bases, unknown: 1 },
      }),
      'no-ends',
      null,
    ],
    [
      outlookOf([id], { starts: [[id, null, null, null]], end: 'far' }),
      'far-off',
      NOW / 1_000 + 3_600,
    ],
  ];
  for (const [outlook, because, from] of cases) {
    service.site.outlook = outlook;
    t.match((await why(service, `${id}/why`)).json().estimate, { kind: 'unknown', because, from });
  }
  delete service.site.outlook;
  t.match((await why(service, `${id}/why`)).json(), { position: null, estimate: null });
});

t.test('an array stands where its first waiting member stands', async (t) => {
  const service = await aSite(t);
  const id = await service.submit(aTask({ requirements: { array: { values: '3' } } }));
  service.site.outlook = outlookOf([900, id + 2], { starts: [[jobId(id + 2), 60, 60, 60]] });
  t.match((await why(service, `${id}/why`)).json(), {
    position: { from: 2, to: 2, member: id + 2 },
    estimate: { kind: 'about', date: NOW / 1_000 + 58 },
  });
});

t.test('a job that runs, is over, or is none of mine', async (t) => {
  const service = await aSite(t);
  const id = await service.submit();
  await lead(service, id, 'running');
  service.site.outlook = outlookOf([id]);
  t.match((await why(service, `${id}/why`)).json(), {
    primary: 'running',
    position: null,
    estimate: null,
  });
  const token = await service.tokenOf('bob');
  t.equal((await why(service, `${id}/why`, token)).statusCode, 404);
  t.match((await why(service, 'x/why')).json(), { code: 'bad-id' });
});

t.test('an agent that has gone: the job is told that none could run it now', async (t) => {
  const inventory = { agents: 1 };
  const total = { ...NOTHING, cpuMilli: 500, memMb: 8_000 };
  const service = await aService(t, {
    deps: {
      inventory: () => (inventory.agents === 0 ? null : [{ attributes: {}, total, count: 1 }]),
    },
  });
  inventory.agents = 0;
  const id = await service.submit();
  inventory.agents = 1;
  t.match((await why(service, `${id}/why`)).json(), {
    impossible: 'no agent could ever run this: largest has 0.5 cpus',
  });
});

t.test('an array that no agent could run is refused whole, or taken with a warning', async (t) => {
  const total = { ...NOTHING, cpuMilli: 500, memMb: 8_000 };
  const deps = { inventory: () => [{ attributes: {}, total, count: 1 }] };
  const task = aTask({ requirements: { array: { values: '5' } } });
  const strict = await aService(t, { deps });
  const refused = await strict.ask(`${API}/task`, { body: task });
  t.match(refused.json(), { code: 'impossible-job', field: 'requirements.cpu' });
  t.same(await strict.store.list({}), [], 'nothing is left behind');
  const kind = await aService(t, { deps, settings: { refuse_impossible: false } });
  const taken = await kind.ask(`${API}/task`, { body: task });
  t.match(taken.json(), { warnings: [{ code: 'impossible', field: 'requirements.cpu' }] });
});

// ---- beside another job

const standing = (hours: number) => ({
  used: { ...NO_USE, ...sumsOf({ cpuMilli: 1_000, memMb: 2_000, gpus: 0 }, hours * 3_600_000) },
  held: { jobs: 0, cpuMilli: 0, memMb: 0, gpus: 0 },
  prio: 50,
});

function sharesOf(mine: JobId, theirs: JobId, project = everybody): ShareFacts {
  const line = (headId: JobId) => ({ headId, headAt: NOW, newestAt: NOW });
  return {
    at: NOW,
    policy: 'fairshare',
    usage: { kind: 'half-life', halfLifeMs: 604_800_000 },
    advanceMs: 600_000,
    capacity: null,
    accounts: [
      { user: alice, project, waiting: 1, line: line(mine), standing: standing(9) },
      { user: bob, project, waiting: 1, line: line(theirs), standing: standing(1) },
    ],
    users: [
      [alice, standing(9)],
      [bob, standing(1)],
    ],
    projects: [[project, standing(10)]],
  };
}

async function submitAs(service: AService, user: 'alice' | 'bob', project: string): Promise<JobId> {
  const task = aTask({ more: { user: { id: user, project } } });
  const token = await service.tokenOf(user);
  const answer = await service.ask(`${API}/task`, { body: task, token });
  return jobId(answer.json().id);
}

t.test('the terms that put a job of my project before mine', async (t) => {
  const service = await aSite(t);
  const { id: dna } = aProject({});
  const mine = await submitAs(service, 'alice', dna);
  const theirs = await submitAs(service, 'bob', dna);
  service.site.outlook = outlookOf([theirs, mine]);
  service.site.shares = sharesOf(mine, theirs, dna);
  const { compared } = (await why(service, `${mine}/why?other=${theirs}`)).json();
  t.match(compared, {
    id: theirs,
    user: 'bob',
    project: dna,
    first: theirs,
    position: { from: 1 },
  });
  const [cause] = compared.because;
  t.equal(cause.code, 'score');
  t.ok(cause.mine > cause.other, 'lower goes first');
  t.equal(cause.terms[0].name, 'user_time', 'the weightiest first');
  t.ok(cause.terms.every((term: { mine: number; other: number }) => term.mine > term.other));
});

t.test("of others' jobs only their place is told", async (t) => {
  const service = await aSite(t);
  const mine = await submitAs(service, 'alice', 'default');
  const theirs = await submitAs(service, 'bob', 'default');
  service.site.outlook = outlookOf([theirs, mine]);
  service.site.shares = sharesOf(mine, theirs);
  const answer = await why(service, `${mine}/why?other=${theirs}`);
  const { compared } = answer.json();
  t.strictSame(compared.because, [{ code: 'not-shown' }]);
  t.match(compared, { first: theirs, position: { from: 1, to: 1 } });
  t.notOk('user' in compared || 'project' in compared);
  t.notMatch(answer.body, /bob|user_time/);
  await lead(service, theirs, 'running');
  const gone = await why(service, `${mine}/why?other=${theirs}`);
  t.match(gone.json(), { code: 'job-not-found' }, 'once it runs not even that');
  t.match((await why(service, `${mine}/why?other=999`)).json(), { code: 'job-not-found' });
});

t.test(
  'my own two jobs: order of submission; and priorities of queues before all else',
  async (t) => {
    const queues = [{ name: 'urgent', priority: 90 }];
    const service = await aSite(t, { queues });
    const one = await service.submit();
    const two = await service.submit();
    const urgent = await service.submit(aTask({ requirements: { label: ['queue==urgent'] } }));
    service.site.outlook = outlookOf([urgent, one, two]);
    const because = async (path: string) => (await why(service, path)).json().compared.because;
    t.same(await because(`${two}/why?other=${one}`), [{ code: 'same-account' }]);
    t.same(await because(`${two}/why?other=${urgent}`), [
      { code: 'queue-priority', mine: 50, other: 90 },
    ]);
  },
);
