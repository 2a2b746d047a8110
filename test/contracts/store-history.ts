// Random histories against a model: whatever the order of submissions, steps, kills and leaders, records agree.
import type { Test } from 'tap';
import { FencedOut, type Store } from '../../src/contracts/store.js';
import { isLive, type Job } from '../../src/core/job.js';
import { instant, type JobId, jobId, userId } from '../../src/core/units.js';
import { AT, aNewJob, BOB, ended, givenUp, launched, started, stepTo } from '../store/a-job.js';
import type { MakeStore } from './store.js';

/** A small generator, so that a failing seed can be run again. */
function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function nextOf(job: Job): Job {
  switch (job.state) {
    case 'pending':
      return job.killWanted === null ? launched(job) : givenUp(job);
    case 'launching':
      return started(job);
    case 'running':
      return ended(job);
    default:
      return job;
  }
}

class Model {
  readonly jobs = new Map<JobId, Job>();
  readonly keys = new Map<string, JobId>();
  epoch = 0;
  readonly #store: Store;
  readonly #pick: (below: number) => number;

  constructor(store: Store, pick: (below: number) => number) {
    this.#store = store;
    this.#pick = pick;
  }

  async submit(t: Test): Promise<void> {
    const key = this.#pick(2) === 0 ? `k${this.#pick(8)}` : null;
    const owner = userId(`u${this.#pick(3)}`);
    const [answer] = await this.#store.submit([aNewJob({ owner, idempotencyKey: key })]);
    const id = jobId(Number(answer?.id));
    const known = key === null ? undefined : this.keys.get(`${owner} ${key}`);
    t.equal(answer?.kind, known === undefined ? 'stored' : 'known');
    if (known !== undefined) {
      t.equal(id, known);
      return;
    }
    t.notOk(this.jobs.has(id), 'an id is never used twice');
    if (key !== null) this.keys.set(`${owner} ${key}`, id);
    const job = await this.#store.job(id);
    if (job !== undefined) this.jobs.set(id, job);
  }

  #some(): Job | undefined {
    const all = [...this.jobs.values()];
    return all[this.#pick(all.length)];
  }

  async kill(t: Test): Promise<void> {
    const job = this.#some();
    if (job === undefined) return;
    const answer = await this.#store.wantKill(job.id, BOB, AT);
    const expected = job.state === 'over' ? 'over' : job.killWanted === null ? 'wanted' : 'already';
    t.equal(answer, expected);
    if (answer === 'wanted')
      this.jobs.set(job.id, {
        ...job,
        killWanted: { by: BOB, at: AT },
        version: job.version + 1,
      });
  }

  async lead(t: Test): Promise<void> {
    const lease = await this.#store.takeLease(`h${this.#pick(9)}`, await this.#store.lease());
    this.epoch += 1;
    t.equal(lease?.epoch, this.epoch);
  }

  /** Some steps are right, some from a wrong launch; now and then the leader is a former one. */
  async advance(t: Test): Promise<void> {
    const chosen = new Map<JobId, Job>();
    for (let n = this.#pick(4); n >= 0; n--) {
      const job = this.#some();
      if (job !== undefined && job.state !== 'over') chosen.set(job.id, job);
    }
    const isStale = this.#pick(6) === 0;
    const plans = [...chosen.values()].map((job) => ({ job, wrong: this.#pick(4) === 0 }));
    const steps = plans.map(({ job, wrong }) => {
      const step = stepTo(job, nextOf(job));
      return wrong ? { ...step, from: { ...step.from, launches: job.launches + 7 } } : step;
    });
    if (isStale || this.epoch === 0) {
      await t.rejects(this.#store.advance(this.epoch - 1, steps), FencedOut);
      return;
    }
    const answers = await this.#store.advance(this.epoch, steps);
    for (const [index, { job, wrong }] of plans.entries()) {
      if (wrong) {
        t.strictSame(answers[index], { kind: 'refused', job });
        continue;
      }
      const version = job.version + 1;
      t.strictSame(answers[index], { kind: 'stored', version });
      this.jobs.set(job.id, { ...nextOf(job), version });
    }
  }

  async agrees(t: Test): Promise<void> {
    const ids = [...this.jobs.keys()];
    const byId = [...this.jobs.values()].sort((a, b) => a.id - b.id);
    t.strictSame(await this.#store.jobs(ids), this.jobs);
    t.strictSame(await this.#store.live(), byId.filter(isLive));
    t.strictSame(
      (await this.#store.pending({ after: null, limit: 1_000 })).map(({ id }) => id),
      byId.flatMap(({ id, state }) => (state === 'pending' ? [id] : [])),
    );
    t.strictSame(
      await this.#store.killsWanted(),
      byId.flatMap(({ id, state, killWanted }) =>
        state !== 'over' && killWanted !== null ? [id] : [],
      ),
    );
    t.strictSame(await this.#store.list({}), byId.reverse());
    t.equal((await this.#store.counts()).over, byId.filter(({ state }) => state === 'over').length);
  }
}

export async function historyContract(t: Test, make: MakeStore): Promise<void> {
  for (const seed of [1, 2, 3, 4, 5, 6])
    await t.test(`history ${seed}`, async (t) => {
      const { store, another } = await make(t);
      const pick = seeded(seed);
      const model = new Model(store, pick);
      for (let step = 0; step < 150; step++) {
        const kind = pick(20);
        if (kind < 6) await model.submit(t);
        else if (kind < 8) await model.kill(t);
        else if (kind < 9) await model.lead(t);
        else await model.advance(t);
      }
      await model.agrees(t);
      const reread = await another();
      t.strictSame(await reread.list({}), await store.list({}), 'another process agrees');
      t.equal(
        (await reread.pending({ after: null, limit: 1, submittedSince: instant(AT + 1) })).length,
        0,
      );
    });
}
