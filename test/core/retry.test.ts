// Rules on a job's own ends: what they match, what they grant, and that no history of events grants more.
import fc from 'fast-check';
import t from 'tap';
import type { Job, OwnFailure, PendingJob, Reason, RetryRule } from '../../src/core/job.js';
import { largestMemMb } from '../../src/core/largest-agent.js';
import { type JobEvent, SYSTEM_RETRIES_MAX, step } from '../../src/core/lifecycle.js';
import { NEVER_RETRIED, needsOf, refusedPauseMs, retryOf } from '../../src/core/retry.js';
import { jobId, taskIdOf } from '../../src/core/units.js';
import {
  after,
  aKilling,
  anna,
  aPending,
  aPlacement,
  aRunning,
  aSpec,
  eventsOf,
  SEED,
  someFree,
} from './samples.js';

const aRule = (part: Partial<RetryRule> = {}): RetryRule => ({
  exitCodes: [{ first: 75, last: 75 }],
  isForMemory: false,
  timesMax: 2,
  pauseMs: 0,
  growth: null,
  ...part,
});
const ON_MEMORY = aRule({
  exitCodes: [],
  isForMemory: true,
  growth: { factor: 1.5, memMbMax: null },
});
const aFailure = (part: Partial<OwnFailure> = {}): OwnFailure => ({
  taskId: taskIdOf(jobId(7), 1),
  host: 'node1',
  exitCode: 75,
  because: null,
  rule: 0,
  memMb: 1_000,
  startedAt: after(2_000),
  at: after(3_000),
  ...part,
});
const OUT_OF_MEMORY: Reason = { code: 'out-of-memory', facts: { message: 'limit exceeded' } };

const exits = (exitCode: number, because: Reason | null = null, launch = 1, memMbMax?: number) =>
  ({
    kind: 'ended',
    taskId: taskIdOf(jobId(7), launch),
    outcome: { kind: 'exited', exitCode, because },
    ...(memMbMax === undefined ? {} : { memMbMax }),
  }) as const;
const running = (retries: readonly RetryRule[], failures: readonly OwnFailure[] = []) =>
  aRunning({ spec: aSpec({ retries }), retried: { ...NEVER_RETRIED, failures } });
const now = after(10_000);

t.test('an exit code that a rule names is launched again, and what ran is charged', async (t) => {
  t.match(step(running([aRule({ pauseMs: 90_000 })]), exits(75), now), {
    kind: 'moved',
    job: {
      state: 'pending',
      launches: 1,
      faults: [],
      notBefore: after(100_000),
      pauseMs: 90_000,
      directory: '/jobs/7',
      retried: {
        failures: [
          {
            taskId: taskIdOf(jobId(7), 1),
            host: 'node1',
            exitCode: 75,
            because: null,
            rule: 0,
            memMb: 1_000,
            startedAt: after(2_000),
            at: now,
          },
        ],
        memMbGranted: null,
      },
    },
    effects: [
      { kind: 'settle', usedMs: 8_000 },
      { kind: 'enqueue', notBefore: after(100_000) },
    ],
  });
});

t.test('codes and ranges: both ends are meant, others end the job as ever', async (t) => {
  const rules = [aRule({ exitCodes: [{ first: 100, last: 110 }] })];
  for (const code of [100, 105, 110])
    t.match(step(running(rules), exits(code), now), { job: { state: 'pending' } }, `${code}`);
  for (const code of [0, 1, 99, 111]) {
    const last = step(running(rules), exits(code), now);
    t.match(last, { job: { state: 'over', outcome: { exitCode: code, because: null } } });
  }
});

t.test(
  'when all is granted the job ends with its last code and says how often it ran',
  async (t) => {
    const spent = running([aRule()], [aFailure(), aFailure()]);
    t.match(step(spent, exits(75), now), {
      job: {
        state: 'over',
        outcome: {
          kind: 'exited',
          exitCode: 75,
          because: { code: 'retries-used-up', facts: { launches: 3 } },
        },
      },
      effects: [{ kind: 'settle', usedMs: 8_000 }],
    });
  },
);

t.test('the first rule that still grants decides; each counts for itself', async (t) => {
  const rules = [aRule({ timesMax: 1 }), aRule({ pauseMs: 5_000, timesMax: 1 })];
  const end = { kind: 'exited', exitCode: 75, because: null } as const;
  t.match(retryOf(running(rules), end, null), { kind: 'granted', rule: 0, pauseMs: 0 });
  const once = running(rules, [aFailure()]);
  t.match(retryOf(once, end, null), { kind: 'granted', rule: 1, pauseMs: 5_000 });
  const twice = running(rules, [aFailure(), aFailure({ rule: 1 })]);
  t.same(retryOf(twice, end, null), { kind: 'used-up' });
});

t.test('memory grows from launch to launch, rounded up, and no further than it may', async (t) => {
  const grow = (rule: RetryRule, event: JobEvent, part: Partial<Job['retried']> = {}) => {
    const job = aRunning({
      spec: aSpec({ retries: [rule], needs: { ...aSpec().needs, memMb: 1_001 } }),
      retried: { ...NEVER_RETRIED, ...part },
    });
    const next = step(job, event, now);
    return next.kind === 'moved' && next.job.state === 'pending' ? needsOf(next.job).memMb : next;
  };
  t.equal(grow(ON_MEMORY, exits(137, OUT_OF_MEMORY)), 1_502, '1001 × 1.5, rounded up');
  t.equal(grow(ON_MEMORY, exits(137, OUT_OF_MEMORY), { memMbGranted: 2_000 }), 3_000, 'from there');
  const bySignal: Reason = { code: 'killed-by-signal', facts: {} };
  t.equal(grow(ON_MEMORY, exits(137, bySignal)), 1_502, 'agents that do not look say no more');
  t.match(grow(ON_MEMORY, exits(137)), { job: { state: 'over' } }, "the script's own 137");
  const bounded = { ...ON_MEMORY, growth: { factor: 1.5, memMbMax: 1_200 } };
  t.equal(grow(bounded, exits(137, OUT_OF_MEMORY)), 1_200, 'as far as was asked');
  t.equal(grow(ON_MEMORY, exits(137, OUT_OF_MEMORY, 1, 1_300)), 1_300, 'as far as an agent has');
  t.match(
    grow(bounded, exits(137, OUT_OF_MEMORY), { memMbGranted: 1_200 }),
    {
      job: {
        state: 'over',
        outcome: { because: { code: 'out-of-memory', facts: { launches: 1, memMb: 1_200 } } },
      },
    },
    'another launch with the same memory would end the same way',
  );
  t.equal(
    grow(aRule(), exits(75), { memMbGranted: 2_000 }),
    2_000,
    'a rule without growth takes no memory back',
  );
});

t.test('a job whose kill is wanted keeps its own end', async (t) => {
  const killWanted = { by: anna, at: now };
  t.match(step({ ...running([aRule()]), killWanted }, exits(75), now), {
    job: { state: 'over', outcome: { kind: 'exited', exitCode: 75, because: null } },
  });
  const killing = aKilling({ spec: aSpec({ retries: [aRule()] }) });
  t.match(step(killing, exits(75), now), { job: { outcome: { kind: 'killed' } } });
});

t.test('an end without a code is over: a rule knows nothing of it', async (t) => {
  const because: Reason = { code: 'exit-code-unknown', facts: {} };
  const taskId = taskIdOf(jobId(7), 1);
  const unknown = { kind: 'ended', taskId, outcome: { kind: 'unknown', because } } as const;
  t.match(step(running([aRule()]), unknown, now), { job: { state: 'over' } });
});

t.test('refused launches pause ever longer, to a bound, and a start forgets them', async (t) => {
  t.same(
    [1, 2, 3, 4, 8, 9, 10, 1_000].map((count) => refusedPauseMs(count, 0)),
    [0, 500, 1_000, 2_000, 32_000, 60_000, 60_000, 60_000],
  );
  t.equal(refusedPauseMs(2, 5_000), 5_000, 'never shorter than the refusal asks for');
  let job: Job = aPending();
  for (const launch of [1, 2, 3])
    for (const kind of ['placed', 'neverRan'] as const) {
      const next = step(job, eventsOf(launch)[kind], now);
      if (next.kind === 'moved') job = next.job;
    }
  t.match(job, { state: 'pending', pauseMs: 1_000, faults: [], retried: { refusals: 3 } });
  for (const kind of ['placed', 'started'] as const) {
    const next = step(job, eventsOf(4)[kind], now);
    if (next.kind === 'moved') job = next.job;
  }
  t.match(job, { state: 'running', retried: { refusals: 0 } });
});

t.test('the largest agent is one that suits the job in all else', async (t) => {
  const agent = (memMb: number, cpuMilli: number, storage: string) => ({
    total: someFree({ memMb, cpuMilli }),
    attributes: { storage },
    count: 3,
  });
  const inventory = [
    agent(8_000, 4_000, 'ssd'),
    agent(64_000, 500, 'ssd'),
    agent(32_000, 4_000, ''),
  ];
  const { needs } = aSpec();
  const demand = { needs, constraints: [], executor: null };
  t.equal(largestMemMb(demand, inventory), 32_000, 'not the one with too few cpus');
  const onSsd = { ...demand, constraints: [{ name: 'storage', value: 'ssd' }] };
  t.equal(largestMemMb(onSsd, inventory), 8_000);
  const huge = { ...demand, needs: { ...needs, gpus: 9 } };
  t.equal(largestMemMb(huge, inventory), null, 'none suits');
  t.equal(largestMemMb(demand, []), null, 'nobody knows');
});

const anyRule = fc.record({
  exitCodes: fc.constantFrom([{ first: 75, last: 75 }], [{ first: 1, last: 80 }], []),
  isForMemory: fc.boolean(),
  timesMax: fc.integer({ min: 1, max: 3 }),
  pauseMs: fc.constantFrom(0, 1_000),
  growth: fc.constantFrom(null, { factor: 2, memMbMax: null }, { factor: 1.5, memMbMax: 3_000 }),
});
const anyEvent = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('placed', 'started') },
  { weight: 2, arbitrary: fc.constantFrom('neverRan', 'systemFault', 'killed', 'unreachable') },
  { weight: 4, arbitrary: fc.constantFrom('exit 75', 'exit 3', 'memory', 'late exit') },
);

/** One event about the present launch, or the one before. */
function eventFor(job: Job, word: string): JobEvent {
  const launch = Math.max(1, job.launches);
  if (word === 'placed')
    return { kind: 'placed', placement: aPlacement(job.launches + 1), directory: '/jobs/7' };
  if (word === 'exit 75') return exits(75, null, launch, 5_000);
  if (word === 'exit 3') return exits(3, null, launch, 5_000);
  if (word === 'memory') return exits(137, OUT_OF_MEMORY, launch, 5_000);
  if (word === 'late exit') return exits(75, null, Math.max(1, launch - 1), 5_000);
  return eventsOf(launch)[
    word as 'started' | 'neverRan' | 'systemFault' | 'killed' | 'unreachable'
  ];
}

/** Plays the words on a fresh job; what it was charged for, and how often each thing happened. */
function history(words: readonly string[], first: PendingJob) {
  let job: Job = first;
  const seen = { ends: 0, neverRan: 0, launches: 0, usedMs: 0, ranMs: 0 };
  for (const [n, word] of words.entries()) {
    const event = eventFor(job, word);
    const at = after(2_000 + n * 1_000);
    const next = step(job, event, at);
    if (next.kind === 'ignored') continue;
    if (event.kind === 'placed') seen.launches += 1;
    if (event.kind === 'neverRan') seen.neverRan += 1;
    if (event.kind === 'ended' && 'placement' in job && job.placement !== null) {
      const start = 'startedAt' in job ? job.startedAt : null;
      seen.ranMs += at - (start ?? job.placement.placedAt);
    }
    for (const effect of next.effects) if (effect.kind === 'settle') seen.usedMs += effect.usedMs;
    job = next.job;
    if (job.state === 'over') seen.ends += 1;
  }
  return { job, ...seen };
}

t.test('no history of events launches a job more often than was granted', async (t) => {
  let usedUp = 0;
  fc.assert(
    fc.property(
      fc.array(anyEvent, { maxLength: 80, size: 'max' }),
      fc.array(anyRule, { maxLength: 3 }),
      fc.nat({ max: 7 }),
      (words, retries, systemRetriesMax) => {
        const spec = aSpec({ retries, systemRetriesMax });
        const { job, ends, neverRan, launches, usedMs, ranMs } = history(words, aPending({ spec }));
        const own = retries.reduce((sum, { timesMax }) => sum + timesMax, 0);
        const system = Math.min(systemRetriesMax, SYSTEM_RETRIES_MAX);
        const grown = job.retried.memMbGranted;
        if (job.state === 'over' && job.retried.failures.length > 1) usedUp++;
        const claims = {
          'launches are bounded': launches <= 1 + system + own + neverRan,
          'and counted': launches === job.launches,
          'faults are bounded': job.faults.length <= system + 1,
          "charged for the job's own ends, and for nothing else": usedMs === ranMs,
          'one end': ends <= 1,
          'memory stays in its bounds':
            grown === null || (grown > spec.needs.memMb && grown <= 5_000),
          'each rule counts for itself': retries.every(
            ({ timesMax }, index) =>
              job.retried.failures.filter(({ rule }) => rule === index).length <= timesMax,
          ),
        };
        for (const [claim, holds] of Object.entries(claims)) if (!holds) throw new Error(claim);
      },
    ),
    { seed: SEED, numRuns: 1_000 },
  );
  t.ok(usedUp > 50, `${usedUp} of them ended after several launches`);
});
