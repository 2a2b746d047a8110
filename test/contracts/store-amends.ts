// What was asked for may be amended by a step of the leader, and by nothing else.
import type { Test } from 'tap';
import type { JobSpec } from '../../src/core/job.js';
import { aSpec, launched, leader, started, stepTo, submitted } from '../store/a-job.js';
import type { MakeStore } from './store.js';

const ANOTHER: JobSpec = aSpec({
  ...{ name: 'another', tags: ['new'], executor: 'swarm', lifespanMs: 60_000 },
  needs: { cpuMilli: 4_000, memMb: 8_000, gpus: 1, ports: 0, custom: {} },
  constraints: [{ name: 'storage', value: 'ssd' }],
});

export async function amendContract(t: Test, make: MakeStore): Promise<void> {
  await t.test('a job that waits asks for something else; its row follows', async (t) => {
    const { store, another } = await make(t);
    const epoch = await leader(store);
    const job = await submitted(store);
    const other = await submitted(store);
    const to = { ...job, spec: ANOTHER };
    t.match(await store.advance(epoch, [{ ...stepTo(job, to), amends: true }]), [
      { kind: 'stored', version: job.version + 1 },
    ]);
    t.strictSame((await (await another()).job(job.id))?.spec, ANOTHER);
    t.strictSame((await store.job(other.id))?.spec, other.spec, 'no other job');
    const [row] = await store.pending({ after: null, limit: 1 });
    t.match(row, {
      ...{ id: job.id, executor: 'swarm', lifespanMs: 60_000 },
      ...{ needs: ANOTHER.needs, constraints: ANOTHER.constraints },
    });
    t.equal((await store.scripts([job.id])).size, 1);
  });

  await t.test('without the word a step leaves it as it was', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const job = await submitted(store);
    await store.advance(epoch, [stepTo(job, { ...job, spec: ANOTHER })]);
    t.strictSame((await store.job(job.id))?.spec, job.spec);
  });

  await t.test('a refused step amends nothing; one of a job that runs does', async (t) => {
    const { store } = await make(t);
    const epoch = await leader(store);
    const job = await submitted(store);
    const launching = launched(job);
    const running = started(launching);
    await store.advance(epoch, [stepTo(job, launching), stepTo(launching, running)]);
    t.match(
      await store.advance(epoch, [{ ...stepTo(job, { ...job, spec: ANOTHER }), amends: true }]),
      [{ kind: 'refused' }],
    );
    t.strictSame((await store.job(job.id))?.spec, job.spec);
    const shorter = { ...job.spec, lifespanMs: 5_000 };
    await store.advance(epoch, [
      { ...stepTo(running, { ...running, spec: shorter }), amends: true },
    ]);
    t.match(await store.job(job.id), { state: 'running', spec: { lifespanMs: 5_000 } });
  });
}
