// What the API tells the audit log, and who may read it.
import t, { type Test } from 'tap';
import type { AuditNote, AuditTrail } from '../../src/contracts/audit.js';
import { ServiceError } from '../../src/contracts/errors.js';
import type { Store } from '../../src/contracts/store.js';
import { readAudit } from '../../src/core/audit.js';
import { isDamaged } from '../../src/core/audit-chain.js';
import { type AService, aService, NOW, PASSWORD } from './a-service.js';

const entriesIn = async (store: Store) =>
  (await store.auditPage({ after: 0, limit: 500 })).flatMap((one) =>
    isDamaged(one) ? [] : [readAudit(one)],
  );

/** What is told is written beside the answer: waited for here. */
async function acts(t: Test, { store }: AService, wanted: readonly string[]): Promise<void> {
  for (;;) {
    const found = (await entriesIn(store)).map(({ act, outcome }) => `${act} ${outcome}`);
    if (found.length < wanted.length) continue;
    t.strictSame(found, wanted);
    return;
  }
}

t.test('administrative acts are told with who, what, whence and what changed', async (t) => {
  const service = await aService(t);
  const token = await service.tokenOf('root');
  await acts(t, service, ['session.open done']);
  const root = { token, headers: { 'X-Request-Id': 'mine-1' } };
  const project = { id: 'dna', members: ['alice'], prio: 70 };
  t.equal((await service.ask('/api/1.0/project', { ...root, body: project })).statusCode, 200);
  const changed = { ...root, method: 'PUT', body: { prio: 20 } } as const;
  t.equal((await service.ask('/api/1.0/project/dna', changed)).statusCode, 200);
  const reset = { ...root, method: 'DELETE' } as const;
  t.equal((await service.ask('/api/1.0/project/dna/quota', reset)).statusCode, 200);
  t.equal((await service.ask('/api/1.0/user/alice/quota', reset)).statusCode, 200);
  t.equal((await service.ask('/api/1.0/project/dna', reset)).statusCode, 200);
  const user = { ...root, method: 'PUT', body: { usage: { prio: 60 } } } as const;
  t.equal((await service.ask('/api/1.0/user/alice', user)).statusCode, 200);
  t.equal(
    (await service.ask('/api/1.0/disk/recount', { ...root, method: 'POST' })).statusCode,
    200,
  );
  const all = await entriesIn(service.store);
  const session = all[0]?.keyId;
  t.ok(session, 'the key is told by its public name');
  const by = { actor: 'root', via: 'token', keyId: session, requestId: 'mine-1', at: NOW };
  t.match(all.slice(1), [
    { ...by, act: 'project.create', facts: { prio: [null, 70], members: [null, ['alice']] } },
    { ...by, act: 'project.change', subject: { kind: 'project', id: 'dna' } },
    { ...by, act: 'quota.reset', subject: { kind: 'project', id: 'dna' } },
    { ...by, act: 'quota.reset', subject: { kind: 'user', id: 'alice' } },
    { ...by, act: 'project.delete', remote: '127.0.0.1' },
    { ...by, act: 'user.change', subject: { kind: 'user', id: 'alice' } },
    { ...by, act: 'disk.recount' },
  ]);
  t.strictSame(all[2]?.facts, { prio: [70, 20] }, 'what has changed and nothing else');
  t.strictSame(all[6]?.facts, { prio: [50, 60] });
});

t.test('of jobs, only what others do to them', async (t) => {
  const service = await aService(t);
  const [mine, held, other] = [
    await service.submit(),
    await service.submit(),
    await service.submit(),
  ];
  const own = { method: 'DELETE' } as const;
  t.equal((await service.ask(`/api/1.0/task/${mine}`, own)).statusCode, 200);
  t.equal((await service.ask(`/api/1.0/task/${held}/hold`, { method: 'POST' })).statusCode, 200);
  const token = await service.tokenOf('root');
  const release = { method: 'POST', token } as const;
  t.equal((await service.ask(`/api/1.0/task/${held}/release`, release)).statusCode, 200);
  t.equal((await service.ask(`/api/1.0/task/${other}/hold`, release)).statusCode, 200);
  t.equal((await service.ask(`/api/1.0/task/${other}`, { ...own, token })).statusCode, 200);
  await acts(t, service, [
    ...['session.open done', 'session.open done'],
    ...['job.release done', 'job.hold done', 'job.kill done'],
  ]);
  const killed = (await entriesIn(service.store)).at(-1);
  t.match(killed, {
    actor: 'root',
    subject: { kind: 'job', id: String(other) },
    facts: { owner: 'alice' },
  });
});

t.test('an act that fails after its entry has a second one', async (t) => {
  const service = await aService(t);
  const id = await service.submit();
  const token = await service.tokenOf('root');
  const answer = await service.ask(`/api/1.0/task/${id}/release`, { method: 'POST', token });
  t.equal(answer.statusCode, 409, 'it is not held');
  const broken = await aService(t, { deps: {} });
  const root = await broken.tokenOf('root');
  const { store } = broken.deps;
  store.resetQuota = () => Promise.reject(new ServiceError('store-unavailable', 'it went away'));
  const reset = await broken.ask('/api/1.0/user/alice/quota', { method: 'DELETE', token: root });
  t.equal(reset.statusCode, 503);
  await acts(t, broken, ['session.open done', 'quota.reset done', 'quota.reset failed']);
  const failed = (await entriesIn(store)).at(-1);
  t.match(failed, { facts: { entry: 2, code: 'store-unavailable' }, subject: { id: 'alice' } });
});

t.test('no entry, no act: but nobody who signs in, rightly or not, waits for it', async (t) => {
  const told: AuditNote[] = [];
  const audit: AuditTrail = {
    write: () => Promise.reject(new ServiceError('store-unavailable', 'the disk is full')),
    tell: (note) => void told.push(note),
  };
  const service = await aService(t, { deps: { audit }, hasPassword: true });
  const token = await service.tokenOf('root');
  const project = { id: 'dna', members: ['alice'] };
  const made = await service.ask('/api/1.0/project', { token, body: project });
  t.equal(made.statusCode, 503);
  t.equal(made.headers['retry-after'], '2');
  t.equal(await service.store.project('dna' as never), undefined, 'nothing was done');
  const id = await service.submit();
  const kill = await service.ask(`/api/1.0/task/${id}`, { method: 'DELETE', token });
  t.equal(kill.statusCode, 503);
  t.strictSame(service.killsNoticed, []);
  t.equal((await service.ask(`/api/1.0/task/${id}`, { method: 'DELETE' })).statusCode, 200, 'own');
  const body = { uid: 'alice', password: PASSWORD };
  t.equal((await service.ask('/api/1.0/user/bind', { token: null, body })).statusCode, 200);
  const wrong = { uid: 'alice', password: 'wrong' };
  t.equal((await service.ask('/api/1.0/user/bind', { token: null, body: wrong })).statusCode, 401);
  t.match(told, [
    { act: 'session.open', actor: 'root', via: 'key' },
    { act: 'session.open', actor: 'alice', via: 'key' },
    { act: 'session.open', actor: 'alice', via: 'password' },
    { act: 'session.refused', outcome: 'refused', actor: null, subject: { id: 'alice' } },
  ]);
});

t.test('refused sign-ins name a login only if it is one, and never a secret', async (t) => {
  const service = await aService(t);
  const refuse = (user: string) =>
    service.ask('/api/1.0/authenticate', { token: null, body: { user, apikey: 'my secret key' } });
  t.equal((await refuse('alice')).statusCode, 401);
  t.equal((await refuse('my pass phrase!')).statusCode, 401);
  t.equal((await refuse('alice')).statusCode, 401, 'one more of the first kind');
  await acts(t, service, ['session.refused refused', 'session.refused refused']);
  const [first, second] = await entriesIn(service.store);
  t.match(first, { subject: { kind: 'user', id: 'alice' }, actor: null, remote: '127.0.0.1' });
  t.equal(second?.subject, null);
  t.notMatch(JSON.stringify([first, second]), /secret|phrase/);
});

t.test('who asks for what is not theirs to do is told', async (t) => {
  const service = await aService(t);
  const refused = await service.ask('/api/1.0/project', { body: { id: 'x', members: ['alice'] } });
  t.equal(refused.statusCode, 403);
  t.equal((await service.ask('/api/1.0/audit')).statusCode, 403);
  await acts(t, service, [
    ...['session.open done', 'policy.refused refused', 'policy.refused refused'],
  ]);
  t.match((await entriesIn(service.store)).slice(1), [
    { actor: 'alice', subject: { kind: 'route', id: 'POST /api/1.0/project' } },
    { actor: 'alice', subject: { kind: 'route', id: 'GET /api/1.0/audit' } },
  ]);
});

t.test('administrators read it page by page, and by what they look for', async (t) => {
  const service = await aService(t);
  const token = await service.tokenOf('root');
  for (let n = 0; n < 4; n++) await service.ask('/api/1.0/disk/recount', { method: 'POST', token });
  await acts(t, service, ['session.open done', ...Array(4).fill('disk.recount done')]);
  const read = async (query: string) =>
    (await service.ask(`/api/1.0/audit${query}`, { token })).json<Record<string, unknown>>();
  const numbers = ({ entries }: Record<string, unknown>) =>
    (entries as readonly { number: number }[]).map(({ number }) => number);
  const first = await read('?limit=2');
  t.strictSame([numbers(first), first.next], [[1, 2], 2]);
  const last = await read('?limit=3&after=2');
  t.strictSame([numbers(last), last.next], [[3, 4, 5], 5]);
  t.strictSame((await read('?after=5')).next, null);
  t.strictSame(numbers(await read('?act=session')), [1]);
  t.strictSame(numbers(await read('?act=disk.recount&actor=root')), [2, 3, 4, 5]);
  t.strictSame(numbers(await read('?actor=alice')), []);
  t.strictSame(numbers(await read('?subject=user:root')), [1]);
  t.strictSame(numbers(await read('?subject=site')), [2, 3, 4, 5]);
  t.strictSame(numbers(await read('?to=2016-06-14')), []);
  t.strictSame(numbers(await read('?from=2016-06-14T00:00:00Z&limit=1')), [1]);
  const head = await service.store.auditHead();
  t.strictSame(first.head, { number: 5, hash: head?.hash });
  t.match((first.entries as readonly unknown[])[1], {
    ...{ number: 2, at: new Date(NOW).toISOString(), act: 'disk.recount', outcome: 'done' },
    ...{ count: 1, actor: 'root', acting_for: null, via: 'token', erased: [] },
    subject: { kind: 'site', id: 'disks' },
  });
  for (const [query, field] of [
    ['?after=-1', 'after'],
    ['?limit=x', 'limit'],
    ['?from=yesterday', 'from'],
    ['?to=2016-99-99', 'to'],
  ] as const)
    t.match(await read(query), { field }, query);
  t.equal((await service.ask('/api/1.0/audit', { token: null })).statusCode, 401);
});
