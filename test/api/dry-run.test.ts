// A submission that is only asked about: what it would get, what is odd about it; and that nothing comes of it.
import t, { type Test } from 'tap';
import { scriptAdvice } from '../../src/api/script-advice.js';
import type { SiteVolume } from '../../src/contracts/auth.js';
import type { OutlookFacts } from '../../src/contracts/outlook.js';
import { instant, projectId, userId } from '../../src/core/units.js';
import { ended, leader, stepTo } from '../store/a-job.js';
import { type AService, type Asked, aService, aTask, lead, NOW } from './a-service.js';

const volume = (name: string, path: string | null, mount: string | null): SiteVolume => ({
  ...{ name, acl: 'rw', path, mount, isChecked: false },
});
const VOLUMES = [
  volume('home', null, null),
  volume('omaha', '/omaha', '/mnt/omaha'),
  volume('db', '/db', null),
];

const dry = async (service: AService, body: unknown, asked: Asked = {}) => {
  const answer = await service.ask('/api/1.0/task?dry_run=1', { body, ...asked });
  return { status: answer.statusCode, said: answer.json() };
};

const aSite = (t: Test, deps: Parameters<typeof aService>[1] = {}) =>
  aService(t, {
    volumes: VOLUMES,
    ...deps,
    settings: {
      volumes: VOLUMES.map(({ name, path, mount }) => ({
        name,
        ...(path === null ? {} : { path }),
        ...(mount === null ? {} : { mount }),
      })),
      ...deps.settings,
    },
  });

t.test('a dry run tells what would be granted, and nothing is stored', async (t) => {
  const service = await aSite(t, { settings: { rate_limit: 50 } });
  const body = aTask({
    requirements: { cpu: 2, ram: 4, array: { values: '1:10' }, maxlifespan: '12h', hold: true },
    container: { volumes: [{ name: 'db', acl: 'ro' }] },
    more: { bogus: 1 },
  });
  const { status, said } = await dry(service, body, { headers: { 'idempotency-key': 'k' } });
  t.equal(status, 200, JSON.stringify(said));
  t.match(said, {
    msg: 'Task would be added',
    dry_run: true,
    granted: {
      ...{ user: 'alice', project: 'default', uid: 1001, gid: 1001, image: 'debian:12' },
      volumes: [{ name: 'db', acl: 'ro', path: '/db', mount: '/db' }],
      ...{ root: false, network: true, executor: 'mesos', queue: null },
      ...{ cpu: 2, ram: 4, gpus: 0, maxlifespan: '12h', members: 10 },
    },
    limits: { submitted: 50, running: null },
    warnings: [{ code: 'unknown-field', field: 'bogus' }],
    advice: [],
    start: { waits_for: ['release'], in_line: null, behind: null, not_before: null },
    like: null,
  });
  t.notOk('id' in said);
  t.equal((await service.store.counts(userId('alice'))).pending, 0);
  t.same(service.noticed, []);
  const real = await service.ask('/api/1.0/task', {
    body: aTask(),
    headers: { 'idempotency-key': 'k' },
  });
  t.equal(real.statusCode, 200, 'a dry run takes no key');
});

t.test('it is refused what a submission would be refused', async (t) => {
  const service = await aSite(t);
  const wrong = aTask({ container: { volumes: [{ name: 'nothing' }] } });
  t.match(await dry(service, wrong), { status: 400, said: { code: 'unknown-volume' } });
  const forBob = aTask({ more: { user: { id: 'bob' } } });
  t.match(await dry(service, forBob), { status: 403, said: { code: 'forbidden' } });
  const token = await service.tokenOf('root');
  t.match(await dry(service, forBob, { token }), { said: { granted: { user: 'bob' } } });
  for (const [word, msg] of [
    ['true', 'Task would be added'],
    ['yes', 'Task would be added'],
    ['0', 'Task added'],
  ] as const) {
    const answer = await service.ask(`/api/1.0/task?dry_run=${word}`, { body: aTask() });
    t.equal(answer.json().msg, msg, word);
  }
});

t.test('in maintenance it answers, and says so', async (t) => {
  const service = await aSite(t);
  await service.store.putSetting('maintenance', '{"by":"root","at":1,"reason":""}');
  t.equal((await service.ask('/api/1.0/task', { body: aTask() })).statusCode, 503);
  t.match((await dry(service, aTask())).said.start, { waits_for: ['maintenance'] });
});

t.test('when it may start follows from the last job of the account that waits', async (t) => {
  const outlook: OutlookFacts = {
    survey: {
      ...{ at: NOW, inLine: 7, isWhole: true, first: [], marks: [] },
      accounts: [{ user: userId('alice'), project: projectId('default'), queue: null }],
    },
    foreseen: {
      ...{ at: NOW, starts: [], end: 'empty' as never, until: instant(NOW + 60_000), agents: 1 },
      bases: { like: 1, lifespan: 0, site: 0, unknown: 0 },
    },
  };
  let told = outlook;
  const service = await aSite(t, { deps: { outlook: async () => told } });
  t.match((await dry(service, aTask())).said.start, {
    ...{ waits_for: [], in_line: 7, behind: null, not_before: null },
  });
  const behind = await service.submit();
  const { foreseen } = outlook;
  if (foreseen === null) throw new Error('there is foresight');
  told = { ...outlook, foreseen: { ...foreseen, starts: [[behind, 600, 300, 900]] } };
  t.match((await dry(service, aTask())).said.start, {
    ...{ behind, not_before: NOW / 1_000 + 600 },
  });
  const later = NOW / 1_000 + 3_600;
  const dated = await dry(service, aTask({ requirements: { not_before: later } }));
  const files = await dry(service, aTask({ requirements: { uploads: ['reads.fq'] } }));
  t.same(files.said.start.waits_for, ['uploads', 'release']);
  t.match(dated.said.start, { waits_for: ['date'], not_before: later });
});

t.test('what like jobs took is told once there are three', async (t) => {
  const service = await aSite(t);
  const { store } = service;
  const end = async (
    code: number,
    { seconds, name = 'align' }: { seconds: number; name?: string },
  ) => {
    const id = await service.submit(aTask({ meta: { name } }));
    const job = await lead(service, id, 'running');
    if (job.state !== 'running' || job.startedAt === null) throw new Error('it runs');
    const over = { ...ended(job, code), endedAt: instant(job.startedAt + seconds * 1_000) };
    await store.advance((await store.lease())?.epoch ?? (await leader(store)), [stepTo(job, over)]);
  };
  await end(0, { seconds: 60 });
  await end(0, { seconds: 300 });
  await end(1, { seconds: 900 });
  await end(0, { seconds: 900, name: 'other' });
  t.equal((await dry(service, aTask())).said.like, null, 'two of that name ended well');
  await end(0, { seconds: 90 });
  const { like } = (await dry(service, aTask())).said;
  t.same(like, { jobs: 3, ran: { median: 90, longest: 300 }, ram: null });
  const token = await service.tokenOf('root');
  t.equal((await dry(service, aTask({ more: { user: {} } }), { token })).said.like, null, 'of own');
});

const facts = { granted: [], volumes: VOLUMES, home: '/users/alice', isContained: true };
const codes = (script: string, more: Partial<typeof facts> = {}) =>
  scriptAdvice(script, { ...facts, ...more }).map(({ code }) => code);
const paths = (script: string, more: object = {}) =>
  scriptAdvice(`#!/bin/sh\n${script}\n`, { ...facts, ...more }).map(({ msg }) => msg);

t.test('Windows line ends and a missing first line', async (t) => {
  t.same(codes('#!/bin/sh\necho\n'), []);
  t.same(codes('#!/bin/sh\r\necho\r\n'), ['windows-line-ends']);
  t.same(codes('echo\r'), ['windows-line-ends', 'no-shebang']);
  t.same(codes('#!/bin/sh\nprintf "a\\r"\n'), []);
});

t.test('paths that the job does not mount', async (t) => {
  const omaha = { name: 'omaha', acl: 'ro' as const, path: '/omaha', mount: '/mnt/omaha' };
  const home = { name: 'home', acl: 'rw' as const, path: '/users/alice', mount: '/mnt/home' };
  const granted = [omaha, home];
  const not = 'is not in the container';
  const ask = (name: string) => `the job does not ask for the volume "${name}"`;
  t.same(paths('cat /home/alice/x'), [`/home/alice/x ${not}: ${ask('home')}`]);
  t.same(paths('cat "/db/a b" /usr/bin/x /mnt/go-docker/y'), [`/db/a ${not}: ${ask('db')}`]);
  t.same(paths('cat /omaha/run/1', { granted }), [
    `/omaha/run/1 ${not}: volume "omaha" is at /mnt/omaha/run/1`,
  ]);
  t.same(paths('cat /users/alice/x', { granted }), [
    `/users/alice/x ${not}: volume "home" is at /mnt/home/x`,
  ]);
  t.same(paths('cat /home/alice/x', { granted }), [
    `/home/alice/x ${not}: volume "home" is at /mnt/home, not at /home`,
  ]);
  t.same(paths('cat /mnt/omaha/x /mnt/home/y', { granted }), []);
  t.same(paths('# cat /db/x\ncat a/db/x $d/db/x ./db/x /dbx'), [], 'no such paths');
  t.same(paths('cat /db/x', { isContained: false }), [], 'a process sees the machine');
  t.same(paths('ls /home/bob', { volumes: [], home: null }), [
    `/home/bob ${not}: no volume of the job has it`,
  ]);
  t.same(
    paths(`${'\n'.repeat(500_000)}  # cat /db/x`),
    [],
    'in no time that grows with its square',
  );
  t.ok((paths(`cat /db/${'x'.repeat(10_000)}`)[0]?.length ?? 0) < 400, 'long paths are cut');
  t.equal(paths(Array.from({ length: 50 }, (_, at) => `/db/${at}`).join(' ')).length, 10);
});
