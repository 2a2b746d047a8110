// Submissions, idempotency, users, settings: the part of the store contract that web processes live on.
import type { Test } from 'tap';
import { ServiceError } from '../../src/contracts/errors.js';
import { SCRIPT_BYTES_MAX } from '../../src/contracts/limits.js';
import { instant, jobId, projectId, userId } from '../../src/core/units.js';
import { ALICE, AT, aNewJob, aProject, aSpec, aUser, BOB, DNA, submitted } from '../store/a-job.js';
import type { MakeStore } from './store.js';

export async function submissionContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('a submission comes back as it was sent', async (t) => {
    const { store, another } = await make(t);
    const spec = aSpec({
      name: 'Größe 漢字 🧬 \u0000 "quoted" \\ \u2028',
      tags: ['a', ''],
      constraints: [{ name: 'rack', value: 'é' }],
      volumes: [{ name: 'home', path: '/home/alice', mount: '/root', acl: 'rw' }],
      needs: { cpuMilli: 1_500, memMb: 2_000, gpus: 1, ports: 2, custom: { licence: 3 } },
      executor: 'mesos',
      asked: { label: ['x'], deep: { nothing: null } },
    });
    const sent = aNewJob({ spec, project: projectId('überprojekt') });
    const [answer] = await store.submit([sent]);
    t.equal(answer?.kind, 'stored');
    const { script: _, idempotencyKey: __, digest: ___, ...asked } = sent;
    const expected = {
      ...asked,
      id: answer?.id,
      state: 'pending',
      launches: 0,
      faults: [],
      retried: { failures: [], memMbGranted: null, refusals: 0 },
      directory: null,
      killWanted: null,
      version: 1,
      notBefore: null,
      pauseMs: 0,
    };
    t.strictSame(await store.job(jobId(Number(answer?.id))), expected);
    const elsewhere = await another();
    t.strictSame(await elsewhere.job(jobId(Number(answer?.id))), expected, 'seen by others too');
  });

  await t.test('scripts are kept to the byte', async (t) => {
    const { store } = await make(t);
    const scripts = ['', 'NUL \u0000 inside', '🧬\r\n\t', 'x'.repeat(SCRIPT_BYTES_MAX)];
    const answers = await store.submit(scripts.map((script) => aNewJob({ script })));
    const ids = answers.map(({ id }) => id);
    const found = await store.scripts([...ids, jobId(999)]);
    t.strictSame([...found.keys()].sort(), [...ids].sort());
    for (const [index, id] of ids.entries())
      t.ok(found.get(id) === scripts[index], `script ${index} of ${scripts[index]?.length} chars`);
    t.equal((await store.scripts([])).size, 0);
  });

  await t.test('ids grow, and a large batch keeps its order', async (t) => {
    const { store } = await make(t);
    t.strictSame(await store.submit([]), []);
    const batch = Array.from({ length: 2_500 }, (_, n) =>
      aNewJob({ spec: aSpec({ name: `n${n}` }) }),
    );
    const answers = await store.submit(batch);
    t.equal(answers.length, batch.length);
    const ids = answers.map(({ id }) => id);
    t.strictSame(
      ids,
      [...new Set(ids)].sort((a, b) => a - b),
      'each id once, rising',
    );
    const jobs = await store.jobs(ids);
    t.ok(
      ids.every((id, n) => jobs.get(id)?.spec.name === `n${n}`),
      'answers stand in the order of the jobs',
    );
  });

  await t.test('parallel submissions from two processes share no id', async (t) => {
    const { store, another } = await make(t);
    const handles = [store, await another()];
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => handles[n % 2]?.submit([aNewJob()]) ?? []),
    );
    const ids = answers.flat().map(({ id }) => id);
    t.equal(new Set(ids).size, 200);
    t.equal((await store.counts()).pending, 200);
  });

  await t.test('the same key makes one job', async (t) => {
    const { store, another } = await make(t);
    const job = aNewJob({ idempotencyKey: 'k/1' });
    const [first] = await store.submit([job]);
    t.equal(first?.kind, 'stored');
    const other = await another();
    t.strictSame(await other.submit([job]), [{ kind: 'known', id: first?.id }]);
    t.strictSame(await store.submit([{ ...job, digest: 'd2' }]), [
      { kind: 'key-reused', id: first?.id },
    ]);
    t.equal((await store.counts()).pending, 1);
  });

  await t.test('keys of one user do not meet those of another', async (t) => {
    const { store } = await make(t);
    const keys: readonly (readonly [string, string])[] = [
      ['alice', 'x'],
      ['bob', 'x'],
      ['al', 'ice/x'],
      ['al/ice', 'x'],
      ['al%2Fice', 'x'],
      ['', '1'],
    ];
    const answers = await store.submit(
      keys.map(([owner, key]) => aNewJob({ owner: userId(owner), idempotencyKey: key })),
    );
    t.strictSame(
      answers.map(({ kind }) => kind),
      keys.map(() => 'stored'),
    );
  });

  await t.test('a key twice in one batch makes one job; the others are stored', async (t) => {
    const { store } = await make(t);
    const keyed = aNewJob({ idempotencyKey: 'twice' });
    const answers = await store.submit([keyed, aNewJob(), keyed, { ...keyed, digest: 'other' }]);
    t.strictSame(
      answers.map(({ kind }) => kind),
      ['stored', 'stored', 'known', 'key-reused'],
    );
    t.equal(answers[2]?.id, answers[0]?.id);
    t.equal((await store.counts()).pending, 2);
  });

  await t.test('a race on one key has one winner', async (t) => {
    const { store, another } = await make(t);
    const handles = [store, await another()];
    const job = aNewJob({ idempotencyKey: 'race' });
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => handles[n % 2]?.submit([job]) ?? []),
    );
    const kinds = answers.flat().map(({ kind }) => kind);
    t.equal(kinds.filter((kind) => kind === 'stored').length, 1);
    t.equal(kinds.filter((kind) => kind === 'known').length, 59);
    t.equal(new Set(answers.flat().map(({ id }) => id)).size, 1);
  });

  await t.test('users are made, replaced and deleted', async (t) => {
    const { store } = await make(t);
    t.equal(await store.user(ALICE), undefined);
    t.strictSame(await store.users(), []);
    const alice = aUser({ keys: [{ name: 'k', sha256: 'ab', createdAt: AT }] });
    await store.putUser(aUser({ id: BOB }));
    await store.putUser(alice);
    t.strictSame(await store.user(ALICE), alice);
    await store.putUser({ ...alice, prio: 80, passwordHash: '$argon2id$…' });
    t.strictSame(await store.user(ALICE), { ...alice, prio: 80, passwordHash: '$argon2id$…' });
    t.strictSame(
      (await store.users()).map(({ id }) => id),
      [ALICE, BOB],
      'in order of id',
    );
    t.equal(await store.deleteUser(ALICE), true);
    t.equal(await store.deleteUser(ALICE), false);
    t.equal(await store.user(ALICE), undefined);
  });

  await t.test('no change of a user is lost, whoever changes at the same time', async (t) => {
    const { store, another } = await make(t);
    const key = (n: number) => ({ name: `k${n}`, sha256: `${n}`, createdAt: AT });
    t.equal(await store.changeUser(ALICE, () => undefined), undefined, 'nothing is made of nobody');
    t.equal(await store.user(ALICE), undefined);
    const handles = [store, await another()];
    const add = (n: number) =>
      handles[n % 2]?.changeUser(ALICE, (user) => {
        const before = user ?? aUser({ keys: [] });
        return { ...before, keys: [...before.keys, key(n)] };
      });
    await Promise.all(Array.from({ length: 20 }, (_, n) => add(n)));
    const names = (await store.user(ALICE))?.keys.map(({ name }) => name);
    t.strictSame(names?.sort(), Array.from({ length: 20 }, (_, n) => `k${n}`).sort());
    const kept = await store.changeUser(ALICE, () => undefined);
    t.equal(kept?.keys.length, 20, 'undefined leaves it');
    const raised = await store.changeUser(ALICE, (user) => user && { ...user, prio: 70 });
    t.equal(raised?.prio, 70);
    t.equal((await store.priorities()).users.get(ALICE), 70);
    await store.deleteUser(ALICE);
    const gone = await store.changeUser(ALICE, (user) => user && { ...user, prio: 1 });
    t.equal(gone, undefined, 'who was deleted stays so');
    t.equal(await store.user(ALICE), undefined);
  });

  await t.test('projects are made, replaced and deleted', async (t) => {
    const { store, another } = await make(t);
    t.equal(await store.project(DNA), undefined);
    t.strictSame(await store.projects(), []);
    await store.putProject(aProject({ id: projectId('rna') }));
    await store.putProject(aProject());
    t.strictSame(await store.project(DNA), aProject());
    const changed = aProject({ prio: 12.5, members: [BOB], description: '🧬' });
    await (await another()).putProject(changed);
    t.strictSame(await store.project(DNA), changed);
    t.strictSame(await store.projects(), [changed, aProject({ id: projectId('rna') })]);
    t.equal(await store.deleteProject(DNA), true);
    t.equal(await store.deleteProject(DNA), false);
    t.equal(await store.project(DNA), undefined);
  });

  await t.test('priorities are told where they are not the usual one', async (t) => {
    const { store } = await make(t);
    await store.putUser(aUser({ prio: 0 }));
    await store.putUser(aUser({ id: BOB, prio: 50 }));
    await store.putProject(aProject({ prio: 100 }));
    await store.putProject(aProject({ id: projectId('rna'), prio: 50 }));
    const { users, projects } = await store.priorities();
    t.strictSame([...users], [[ALICE, 0]]);
    t.strictSame([...projects], [[DNA, 100]]);
  });

  await t.test('settings are text by name', async (t) => {
    const { store, another } = await make(t);
    t.equal(await store.setting('framework-id'), undefined);
    await store.putSetting('framework-id', 'a\u0000b 🧬');
    await store.putSetting('empty', '');
    t.equal(await (await another()).setting('framework-id'), 'a\u0000b 🧬');
    await store.putSetting('framework-id', 'f2');
    t.equal(await store.setting('framework-id'), 'f2');
    t.equal(await store.setting('empty'), '');
    t.same(
      [...(await (await another()).settings('fr'))],
      [['framework-id', 'f2']],
      'by the beginning of their names',
    );
    await store.putSetting('x%_é/b', '2');
    await store.putSetting('x%_é/a', '1');
    await store.putSetting('x%_e/a', 'other');
    t.same(
      [...(await store.settings('x%_é/'))],
      [
        ['x%_é/a', '1'],
        ['x%_é/b', '2'],
      ],
      'in order, and no letter of the beginning stands for another',
    );
    await store.dropSetting('x%_é/a');
    await store.dropSetting('never there');
    t.equal(await (await another()).setting('x%_é/a'), undefined, 'dropped for everybody');
    t.same([...(await store.settings('nothing'))], []);
  });

  await t.test('of several first values of a setting one stands, and all are told', async (t) => {
    const { store, another } = await make(t);
    const handles = [store, await another()];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => handles[n % 2]?.firstSetting('first', `v\u0000${n}`)),
    );
    t.equal(new Set(answers).size, 1, 'the same for all');
    t.equal(await handles[1]?.setting('first'), answers[0]);
    await store.putSetting('first', 'changed');
    t.equal(await store.firstSetting('first', 'too late'), 'changed');
  });

  await t.test('closing finishes what was asked; afterwards everything is refused', async (t) => {
    const { store, another } = await make(t);
    const before = await submitted(store);
    const asked = store.submit([aNewJob()]);
    await new Promise((resolve) => setImmediate(resolve));
    await store.close();
    await store.close();
    const [answer] = await asked;
    const other = await another();
    t.ok(await other.job(jobId(Number(answer?.id))), 'the last submission is there');

    const { id } = before;
    const lease = { epoch: 1, holder: 'x', beat: 0 };
    const refused: Record<string, () => Promise<unknown>> = {
      submit: () => store.submit([aNewJob()]),
      job: () => store.job(id),
      jobs: () => store.jobs([id]),
      scripts: () => store.scripts([id]),
      list: () => store.list({}),
      counts: () => store.counts(),
      pending: () => store.pending({ after: null, limit: 1 }),
      live: () => store.live(),
      killsWanted: () => store.killsWanted(),
      advance: () => store.advance(1, []),
      wantKill: () => store.wantKill(id, BOB, instant(1)),
      lease: () => store.lease(),
      takeLease: () => store.takeLease('x', undefined),
      beatLease: () => store.beatLease(lease),
      freeLease: () => store.freeLease(lease),
      setting: () => store.setting('x'),
      putSetting: () => store.putSetting('x', ''),
      firstSetting: () => store.firstSetting('x', ''),
      user: () => store.user(ALICE),
      users: () => store.users(),
      putUser: () => store.putUser(aUser()),
      changeUser: () => store.changeUser(ALICE, () => aUser()),
      deleteUser: () => store.deleteUser(ALICE),
      project: () => store.project(DNA),
      projects: () => store.projects(),
      putProject: () => store.putProject(aProject()),
      deleteProject: () => store.deleteProject(DNA),
      priorities: () => store.priorities(),
      quotas: () => store.quotas(),
    };
    for (const [method, call] of Object.entries(refused)) {
      const failure = await call().then(
        () => undefined,
        (error: unknown) => error,
      );
      t.ok(failure instanceof ServiceError && failure.code === 'store-unavailable', method);
    }
  });
}
