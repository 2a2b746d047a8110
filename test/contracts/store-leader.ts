// Lease, conditional steps, kills: the part of the store contract that keeps a job from having two tasks.
import type { Test } from 'tap';
import { FencedOut } from '../../src/contracts/store.js';
import {
  type Job,
  type KillingJob,
  NO_CONTAINER,
  type UnreachableJob,
} from '../../src/core/job.js';
import { agentId, instant, jobId, taskIdOf } from '../../src/core/units.js';
import {
  ALICE,
  AT,
  aSpec,
  BOB,
  ended,
  givenUp,
  launched,
  leader,
  started,
  stepTo,
  submitted,
} from '../store/a-job.js';
import type { MakeStore } from './store.js';

export async function leaderContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('the lease has one holder', async (t) => {
    const { store, another } = await make(t);
    const other = await another();
    t.equal(await store.lease(), undefined);
    const first = await store.takeLease('one', undefined);
    t.same(first?.epoch, 1);
    t.equal(await other.takeLease('two', undefined), undefined, 'there is one already');
    t.strictSame(await other.lease(), first);
    if (first === undefined) return;

    const beaten = await store.beatLease(first);
    t.strictSame(beaten, { ...first, beat: first.beat + 1 });
    t.strictSame(await other.lease(), beaten);
    t.equal(await other.takeLease('two', first), undefined, 'it lives: the beat has changed');
    const second = await other.takeLease('two', beaten);
    t.equal(second?.epoch, 2);
    t.equal(second?.holder, 'two');
    t.equal(await store.beatLease(first), undefined, 'the old holder learns it');
    await store.freeLease(first);
    t.strictSame(await store.lease(), second, 'and cannot free what is not its own');
  });

  await t.test('a freed lease is free at once and keeps its epoch', async (t) => {
    const { store } = await make(t);
    const first = await store.takeLease('one', undefined);
    if (first === undefined) return t.fail('no lease');
    await store.freeLease(first);
    const free = await store.lease();
    t.equal(free?.holder, '');
    t.equal(free?.epoch, 1);
    t.equal(await store.beatLease(first), undefined);
    t.equal((await store.takeLease('two', free))?.epoch, 2);
    return undefined;
  });

  await t.test('a race for the lease has one winner, each time', async (t) => {
    const { store, another } = await make(t);
    const handles = [store, await another()];
    for (let round = 1; round <= 10; round++) {
      const seen = await store.lease();
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, n) => handles[n % 2]?.takeLease(`h${n}`, seen)),
      );
      const winners = answers.filter((lease) => lease !== undefined);
      t.equal(winners.length, 1);
      t.strictSame(await store.lease(), winners[0]);
      t.equal(winners[0]?.epoch, round);
    }
  });

  await t.test('a job lives its life, each record whole', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const pending = await submitted(store);
    const launching = launched(pending);
    const running = started(launching);
    const { startedAt, container } = running;
    const killWanted = { by: pending.owner, at: AT };
    const killing: KillingJob = {
      ...launching,
      state: 'killing',
      startedAt: null,
      container,
      killWanted,
    };
    const away: UnreachableJob = {
      ...launching,
      state: 'unreachable',
      startedAt,
      container,
      since: AT,
    };
    const back = started(launching);
    const fault = {
      taskId: taskIdOf(pending.id, 1),
      host: 'node-1',
      because: { code: 'agent-lost', facts: { agent: 'a1', code: 7 } },
      at: AT,
    } as const;
    const over = { ...ended(back, 3), faults: [fault] };
    const life: readonly Job[] = [pending, launching, killing, running, away, back, over];
    for (const [index, to] of life.entries()) {
      const from = life[index - 1];
      if (from === undefined) continue;
      const version = index + 1;
      t.strictSame(await store.advance(epoch, [stepTo(from, to)]), [{ kind: 'stored', version }]);
      t.strictSame(await store.job(pending.id), { ...to, version }, to.state);
    }
    t.strictSame(await store.live(), []);
  });

  await t.test('a step is stored only from its own state and launch', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const pending = await submitted(store);
    const launching = launched(pending);
    const intent = stepTo(pending, launching);
    const [, second] = await store.advance(epoch, [intent, intent]);
    const stored = { ...launching, version: 2 };
    t.strictSame(second, { kind: 'refused', job: stored }, 'the same intent twice, in one go');
    t.strictSame(await store.advance(epoch, [intent]), [{ kind: 'refused', job: stored }]);
    const formerLaunch = {
      from: { state: 'launching', launches: 0 },
      unlessKillWanted: false,
      to: started(launching),
    } as const;
    t.strictSame(await store.advance(epoch, [formerLaunch]), [{ kind: 'refused', job: stored }]);
    const nobody = stepTo({ ...pending, id: jobId(99) }, { ...launching, id: jobId(99) });
    t.strictSame(await store.advance(epoch, [nobody]), [{ kind: 'refused', job: undefined }]);
    t.strictSame(await store.job(pending.id), stored);
  });

  await t.test('a step changes neither what was asked nor the wish to kill', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const pending = await submitted(store);
    const other = await submitted(store, { owner: BOB, spec: aSpec({ name: 'other' }) });
    const { owner, project, identity, spec, submittedAt } = other;
    const forged = {
      ...launched(pending),
      ...{ owner, project, identity, spec, submittedAt },
      killWanted: { by: ALICE, at: AT },
      version: 77,
    };
    await store.advance(epoch, [stepTo(pending, forged)]);
    t.strictSame(await store.job(pending.id), { ...launched(pending), version: 2 });
  });

  await t.test('refused steps do not stop the others', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const a = await submitted(store);
    const b = await submitted(store);
    const answers = await store.advance(epoch, [
      stepTo(launched(a), started(launched(a))),
      stepTo(b, launched(b)),
    ]);
    t.strictSame(
      answers.map(({ kind }) => kind),
      ['refused', 'stored'],
    );
    t.equal((await store.job(a.id))?.state, 'pending');
    t.equal((await store.job(b.id))?.state, 'launching');
    t.strictSame(await store.advance(epoch, []), []);
  });

  await t.test('a stale leader writes nothing', async (t) => {
    const { store, another } = await make(t);
    const other = await another();
    const pending = await submitted(store);
    const intent = stepTo(pending, launched(pending));
    await t.rejects(store.advance(1, [intent]), FencedOut, 'there is no lease at all');
    const old = await leader(store, 'old');
    const young = await leader(other, 'young');
    await t.rejects(store.advance(old, [intent]), FencedOut);
    await t.rejects(store.advance(young + 1, [intent]), FencedOut, 'nor one from the future');
    await t.rejects(store.advance(old, []), FencedOut, 'learns it even with nothing to write');
    t.strictSame(await store.job(pending.id), pending, 'untouched');
    t.equal((await other.advance(young, [intent]))[0]?.kind, 'stored');
  });

  await t.test('two leaders race: never both', async (t) => {
    const { store, another } = await make(t);
    const other = await another();
    for (let round = 0; round < 10; round++) {
      const pending = await submitted(store);
      const old = await leader(store, 'old');
      const seen = await store.lease();
      const elsewhere = { ...launched(pending).placement, agentId: agentId('a2') };
      const [stale, fresh] = await Promise.allSettled([
        store.advance(old, [stepTo(pending, launched(pending))]),
        other
          .takeLease('young', seen)
          .then((lease) =>
            other.advance(lease?.epoch ?? 0, [
              stepTo(pending, { ...launched(pending), placement: elsewhere }),
            ]),
          ),
      ]);
      const staleStored = stale.status === 'fulfilled' && stale.value[0]?.kind === 'stored';
      const freshStored = fresh.status === 'fulfilled' && fresh.value[0]?.kind === 'stored';
      t.not(staleStored, freshStored, 'exactly one intent is stored');
      const job = await store.job(pending.id);
      t.equal(
        job?.state === 'launching' && job.placement.agentId,
        staleStored ? 'a1' : 'a2',
        'and it is the record',
      );
    }
  });

  await t.test('a kill before the intent: no task starts', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const pending = await submitted(store);
    t.equal(await store.wantKill(pending.id, BOB, AT), 'wanted');
    const wanted = { ...pending, killWanted: { by: BOB, at: AT }, version: 2 };
    t.strictSame(await store.job(pending.id), wanted);
    const intent = stepTo(pending, launched(pending));
    t.strictSame(await store.advance(epoch, [intent]), [{ kind: 'refused', job: wanted }]);
    t.strictSame(await store.killsWanted(), [pending.id]);
    const over = givenUp(pending);
    t.strictSame(await store.advance(epoch, [stepTo(pending, over)]), [
      { kind: 'stored', version: 3 },
    ]);
    t.strictSame(await store.killsWanted(), [], 'done with');
    t.strictSame(await store.job(pending.id), {
      ...over,
      killWanted: { by: BOB, at: AT },
      version: 3,
    });
  });

  await t.test('a kill after the intent: it stays wanted through every step', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const pending = await submitted(store);
    const launching = launched(pending);
    await store.advance(epoch, [stepTo(pending, launching)]);
    t.equal(await store.wantKill(pending.id, BOB, AT), 'wanted');
    t.equal(await store.wantKill(pending.id, ALICE, instant(AT + 1)), 'already');
    // The leader has not heard of it yet: its record says null, the store keeps its own.
    const answers = await store.advance(epoch, [stepTo(launching, started(launching))]);
    t.strictSame(answers, [{ kind: 'stored', version: 4 }]);
    const job = await store.job(pending.id);
    t.strictSame(job?.killWanted, { by: BOB, at: AT }, 'the first asker');
    t.strictSame(await store.killsWanted(), [pending.id]);
  });

  await t.test('kills of jobs over or unknown change nothing', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const pending = await submitted(store);
    await store.advance(epoch, [stepTo(pending, givenUp(pending))]);
    const before = await store.job(pending.id);
    t.equal(await store.wantKill(pending.id, BOB, AT), 'over');
    t.equal(await store.wantKill(jobId(99), BOB, AT), 'unknown');
    t.strictSame(await store.job(pending.id), before);
    t.strictSame(await store.killsWanted(), []);
  });

  await t.test('a kill races the intent: one of both orders, never neither', async (t) => {
    const { store, another } = await make(t);
    const web = await another();
    const epoch = await leader(store);
    for (let round = 0; round < 20; round++) {
      const pending = await submitted(store);
      const [[intent], kill] = await Promise.all([
        store.advance(epoch, [stepTo(pending, launched(pending))]),
        web.wantKill(pending.id, BOB, AT),
      ]);
      t.equal(kill, 'wanted');
      const job = await store.job(pending.id);
      t.ok(job?.killWanted, 'the kill is never lost');
      t.equal(job?.state, intent?.kind === 'stored' ? 'launching' : 'pending');
      t.equal(job?.version, intent?.kind === 'stored' ? 3 : 2);
    }
  });

  await t.test('a job that never started ends without a placement', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const pending = await submitted(store);
    const over = givenUp(pending);
    await store.advance(epoch, [stepTo(pending, over)]);
    t.strictSame(await store.job(pending.id), { ...over, version: 2 });
    t.strictSame(over.container, NO_CONTAINER);
  });
}
