// Who has used how much: fading, growing, settled; and always what a recount from scratch would say.
import t from 'tap';
import { NO_USE, type Sums } from '../../src/core/policy.js';
import { type Instant, instant, jobId, projectId, userId } from '../../src/core/units.js';
import {
  added,
  countsSince,
  DAY_MS,
  type DayUse,
  dayOf,
  decay,
  sumsOf,
  type UsageRule,
} from '../../src/core/usage.js';
import { type ChargedJob, UsageBook } from '../../src/core/usage-book.js';
import { after, aNeed, T0 } from './samples.js';

const HOUR_MS = 3_600_000;
const ADVANCE_MS = 600_000;
const WEEK: UsageRule = { kind: 'half-life', halfLifeMs: 7 * DAY_MS };
const THREE_DAYS: UsageRule = { kind: 'window', days: 3 };
const anna = userId('anna');
const dna = projectId('dna');
const aJob = (id: number, part: Partial<ChargedJob> = {}): ChargedJob => ({
  id: jobId(id),
  owner: anna,
  project: dna,
  needs: aNeed({ cpuMilli: 2_000, memMb: 1_000, gpus: 1 }),
  startedAt: null,
  ...part,
});
const bookAt = (rule: UsageRule, at: Instant, ended: readonly DayUse[] = []): UsageBook => {
  const book = new UsageBook(rule, ADVANCE_MS);
  book.load(ended, [], at);
  return book;
};
const timeMs = (book: UsageBook): number => Math.round(book.user(anna)?.used.timeMs ?? 0);

t.test(
  'after one half-life half is left, after two a quarter; a clock that steps back adds nothing',
  async (t) => {
    const usage = { sums: { ...NO_USE, timeMs: 800, gpuMs: 80 }, asOf: T0 };
    const left = (days: number) =>
      decay(usage, after(days * DAY_MS), { halfLifeMs: 7 * DAY_MS }).sums;
    t.match(left(0), { timeMs: 800, gpuMs: 80 });
    t.match(left(7), { timeMs: 400, gpuMs: 40 });
    t.match(left(14), { timeMs: 200, gpuMs: 20 });
    const back = decay(usage, after(-30 * DAY_MS), { halfLifeMs: 7 * DAY_MS });
    t.strictSame(back, usage, 'and it goes on from where it was');
    t.throws(() => decay(usage, T0, { halfLifeMs: 0 }), /halfLifeMs > 0/);
  },
);

t.test(
  'a running job counts for its advance, then for the time it has run, then for what it used',
  async (t) => {
    const book = bookAt(WEEK, T0);
    book.charge(aJob(1));
    t.equal(timeMs(book), ADVANCE_MS, 'placed');
    book.charge(aJob(1, { startedAt: after(60_000) }));
    book.moveTo(after(300_000));
    t.equal(timeMs(book), ADVANCE_MS, 'started: still the advance');
    book.moveTo(after(60_000 + HOUR_MS));
    t.equal(timeMs(book), HOUR_MS);
    t.match(book.project(dna)?.used, {
      cpuMilli: 2_000,
      gpus: 1,
      cpuMilliMs: 2_000 * HOUR_MS,
      memMbMs: 1_000 * HOUR_MS,
      gpuMs: HOUR_MS,
    });
    t.match(book.account(anna, dna)?.held, { jobs: 1, cpuMilli: 2_000, memMb: 1_000, gpus: 1 });
    const end = after(60_000 + 2 * HOUR_MS);
    book.moveTo(end);
    const running = book.user(anna)?.used;
    const { id, owner, project, needs } = aJob(1);
    book.settle({ id, owner, project, needs, usedMs: 2 * HOUR_MS, endedAt: end });
    t.strictSame(book.user(anna)?.used, running, 'its end changes nothing');
    t.match(book.user(anna)?.held, { jobs: 0, cpuMilli: 0 });
    book.moveTo(instant(end + 7 * DAY_MS));
    t.equal(timeMs(book), HOUR_MS, 'half of it a week later');
  },
);

t.test('what the system ended is not charged, and a repeat changes nothing', async (t) => {
  const book = bookAt(WEEK, T0);
  book.charge(aJob(1, { startedAt: T0 }));
  book.charge(aJob(1, { startedAt: T0 }));
  t.equal(book.user(anna)?.held?.jobs, 1);
  const { id, owner, project, needs } = aJob(1);
  for (let twice = 0; twice < 2; twice++)
    book.settle({ id, owner, project, needs, usedMs: 0, endedAt: after(HOUR_MS) });
  t.strictSame(book.user(anna)?.used, NO_USE);
  t.equal(book.user(anna)?.held?.jobs, 0);
});

t.test(
  'a window counts whole days, today among them; a day without jobs does not end it',
  async (t) => {
    const today = dayOf(T0) * DAY_MS;
    const use = (daysAgo: number): DayUse => ({
      owner: anna,
      project: dna,
      endedAt: instant(today - daysAgo * DAY_MS + 5),
      ...sumsOf(aNeed(), 1_000 * 10 ** daysAgo),
    });
    const book = bookAt(THREE_DAYS, T0, [use(0), use(2), use(3)]);
    t.equal(timeMs(book), 1_000 + 100_000, 'today and two days ago');
    t.equal(countsSince(THREE_DAYS, T0), today - 2 * DAY_MS);
    book.moveTo(instant(today + DAY_MS));
    t.equal(timeMs(book), 1_000);
    book.moveTo(instant(today + 3 * DAY_MS));
    t.equal(timeMs(book), 0);
  },
);

t.test(
  'priorities that are not the usual one are told, also of those who used nothing',
  async (t) => {
    const book = bookAt(WEEK, T0);
    t.equal(book.user(anna), undefined);
    book.setDues({ users: new Map([[anna, 80]]), projects: new Map([[dna, 0]]) });
    t.match(book.user(anna), { prio: 80, used: NO_USE });
    t.equal(book.project(dna)?.prio, 0);
    t.equal(book.account(anna, dna)?.prio, 80);
    book.charge(aJob(1));
    book.setDues({ users: new Map(), projects: new Map() });
    t.equal(book.user(anna)?.prio, 50);
  },
);

/** Repeatable numbers in [0, 1). */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Ended {
  readonly job: ChargedJob;
  readonly usedMs: number;
  readonly endedAt: Instant;
}

/** All of a user's use, job by job. */
function recount(
  owner: string,
  { live, ended }: { live: Iterable<ChargedJob>; ended: readonly Ended[] },
  rule: UsageRule,
  at: Instant,
): Sums {
  let sum = NO_USE;
  for (const job of live) {
    const ranMs = job.startedAt === null ? 0 : at - job.startedAt;
    if (job.owner === owner) sum = added(sum, sumsOf(job.needs, Math.max(ADVANCE_MS, ranMs)));
  }
  for (const { job, usedMs, endedAt } of ended) {
    if (job.owner !== owner || usedMs <= 0) continue;
    const sums = sumsOf(job.needs, usedMs);
    if (rule.kind === 'half-life') sum = added(sum, decay({ sums, asOf: endedAt }, at, rule).sums);
    else if (dayOf(endedAt) > dayOf(at) - rule.days) sum = added(sum, sums);
  }
  return sum;
}

const isNear = (a: Sums, b: Sums): boolean =>
  (Object.keys(NO_USE) as (keyof Sums)[]).every(
    (name) => Math.abs(a[name] - b[name]) <= 1e-9 * Math.max(1, b[name]),
  );

for (const rule of [WEEK, THREE_DAYS])
  t.test(`after any events use is what a recount says: ${rule.kind}`, async (t) => {
    for (let seed = 1; seed <= 15; seed++) {
      const random = numbers(seed);
      const pick = (below: number) => Math.floor(random() * below);
      const book = bookAt(rule, T0);
      const live = new Map<number, ChargedJob>();
      const ended: Ended[] = [];
      let at = T0;
      for (let n = 1; n <= 300; n++) {
        // Mostly onwards; a step back leaves the book where it was.
        const now = instant(at + (random() < 0.1 ? -pick(HOUR_MS) : pick(4 * HOUR_MS)));
        book.moveTo(now);
        at = instant(Math.max(at, now));
        const owner = userId(`user${pick(3)}`);
        const project = projectId(`project${pick(2)}`);
        const needs = aNeed({ cpuMilli: 500 * (1 + pick(8)), memMb: 100 * pick(9), gpus: pick(3) });
        const some = [...live.values()][pick(live.size)];
        const deed = pick(3);
        if (deed === 0 || some === undefined) {
          const job = {
            id: jobId(n),
            owner,
            project,
            needs,
            startedAt: random() < 0.5 ? at : null,
          };
          live.set(n, job);
          book.charge(job);
        } else if (deed === 1 && some.startedAt === null) {
          const job = { ...some, startedAt: instant(at - pick(HOUR_MS)) };
          live.set(some.id, job);
          book.charge(job);
        } else {
          const usedMs = some.startedAt === null ? 0 : Math.max(0, at - some.startedAt);
          live.delete(some.id);
          book.settle({ ...some, usedMs, endedAt: at });
          ended.push({ job: some, usedMs, endedAt: at });
        }
      }
      for (const owner of ['user0', 'user1', 'user2']) {
        const told = book.user(userId(owner))?.used ?? NO_USE;
        const expected = recount(owner, { live: live.values(), ended }, rule, at);
        t.ok(isNear(told, expected), `seed ${seed}: ${JSON.stringify([told, expected])}`);
        t.ok(Object.values(told).every((amount) => amount >= 0));
      }
    }
  });

t.test('taken over, a day in one sum is near what its jobs were, one by one', async (t) => {
  const random = numbers(3);
  const exact = bookAt(WEEK, T0);
  let sum = NO_USE;
  let ends = 0;
  const day = dayOf(T0) * DAY_MS;
  for (let n = 1; n <= 500; n++) {
    const usedMs = 1 + Math.floor(random() * HOUR_MS);
    const endedAt = instant(day + Math.floor(random() * DAY_MS));
    exact.settle({ ...aJob(n), usedMs, endedAt });
    sum = added(sum, sumsOf(aJob(n).needs, usedMs));
    ends += (endedAt - day) * usedMs;
  }
  const row = { owner: anna, project: dna, endedAt: instant(day + ends / sum.timeMs), ...sum };
  const taken = bookAt(WEEK, T0, [row]);
  for (const book of [exact, taken]) book.moveTo(after(3 * DAY_MS));
  const relation = (taken.user(anna)?.used.timeMs ?? 0) / (exact.user(anna)?.used.timeMs ?? 1);
  // At most (ln 2 × 1 d / 7 d)² / 8.
  t.ok(Math.abs(relation - 1) < 0.0013, String(relation));
});
