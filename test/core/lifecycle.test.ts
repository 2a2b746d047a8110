import fc from 'fast-check';
import t from 'tap';
import { Bug } from '../../src/core/assert.js';
import type { Job, JobState } from '../../src/core/job.js';
import {
  type Effect,
  type JobEvent,
  LIFE,
  REGISTRY_RETRIES_MAX,
  SYSTEM_RETRIES_MAX,
  step,
} from '../../src/core/lifecycle.js';
import { jobId, taskIdOf } from '../../src/core/units.js';
import {
  after,
  aKilling,
  aLaunching,
  anna,
  anUnreachable,
  aPending,
  aPlacement,
  aRunning,
  aSpec,
  EVENTS,
  eventsOf,
  JOBS,
  LOST,
  SEED,
} from './samples.js';

const now = after(10_000);
const task1 = taskIdOf(jobId(7), 1);

/** Where each legal event leads, written down a second time, by hand. */
const LEADS_TO: Record<JobState, Partial<Record<JobEvent['kind'], JobState>>> = {
  pending: {
    placed: 'launching',
    adopted: 'launching',
    killWanted: 'over',
    gaveUp: 'over',
    amended: 'pending',
  },
  launching: {
    numberTaken: 'pending',
    neverRan: 'pending',
    started: 'running',
    ended: 'over',
    killed: 'pending',
    systemFault: 'pending',
    launchFailed: 'over',
    unreachable: 'unreachable',
    killWanted: 'killing',
    rescheduled: 'launching',
  },
  running: {
    started: 'running',
    ended: 'over',
    killed: 'pending',
    systemFault: 'pending',
    launchFailed: 'over',
    unreachable: 'unreachable',
    killWanted: 'killing',
    preempted: 'running',
    rescheduled: 'running',
    amended: 'running',
  },
  killing: {
    numberTaken: 'over',
    neverRan: 'over',
    started: 'killing',
    ended: 'over',
    killed: 'over',
    systemFault: 'over',
    launchFailed: 'over',
  },
  unreachable: {
    started: 'running',
    ended: 'over',
    killed: 'pending',
    systemFault: 'pending',
    launchFailed: 'over',
    killWanted: 'killing',
  },
  open: { memberStarted: 'open', membersOver: 'over', gaveUp: 'over' },
  over: {},
};

t.test('every state meets every event', async (t) => {
  for (const job of Object.values(JOBS) as Job[]) {
    for (const event of Object.values(EVENTS) as JobEvent[]) {
      const target = LEADS_TO[job.state][event.kind];
      const legal = (LIFE[job.state] as readonly string[]).includes(event.kind);
      t.equal(legal, target !== undefined, `${job.state} + ${event.kind} is in the table`);
      const next = step(job, event, now);
      t.equal(next.kind, legal ? 'moved' : 'ignored', `${job.state} + ${event.kind}`);
      if (next.kind === 'moved') t.equal(next.job.state, target, `${job.state} + ${event.kind}`);
    }
  }
});

t.test('events of a former launch change nothing, but its living task is killed', async (t) => {
  const former = eventsOf(1);
  for (const job of [
    aLaunching({ launches: 2, placement: aPlacement(2) }),
    aRunning({ launches: 2, placement: aPlacement(2) }),
    aKilling({ launches: 2, placement: aPlacement(2) }),
    anUnreachable({ launches: 2, placement: aPlacement(2) }),
    aPending({ launches: 1 }),
  ])
    for (const event of Object.values(former) as JobEvent[]) {
      if (!('taskId' in event)) continue;
      const next = step(job, event, now);
      t.equal(next.kind, 'ignored', `${job.state} + late ${event.kind}`);
      t.same(
        next.effects,
        event.kind === 'started' ? [{ kind: 'killTask', taskId: task1, agentId: 'a1' }] : [],
        `${job.state} + late ${event.kind}`,
      );
    }
});

t.test('a job that is over kills the task that comes back from the dead', async (t) => {
  const late = step(JOBS.over, EVENTS.started, now);
  t.same(late, {
    kind: 'ignored',
    because: 'started while over',
    effects: [{ kind: 'killTask', taskId: task1, agentId: 'a1' }],
  });
});

t.test('a repeated started update is harmless', async (t) => {
  const first = step(JOBS.launching, EVENTS.started, now);
  const started = first.kind === 'moved' ? first.job : JOBS.launching;
  t.same(step(started, EVENTS.started, after(20_000)), {
    kind: 'ignored',
    because: 'started while running',
    effects: [],
  });
});

t.test('a started update that knows less takes nothing away', async (t) => {
  const known = aRunning({ container: { containerId: 'c1', ipAddress: '10.0.0.1' } });
  const less = { ...EVENTS.started, container: { containerId: null, ipAddress: null } };
  t.equal(step(known, less, now).kind, 'ignored');
  const back = step(
    anUnreachable({ container: { containerId: 'c1', ipAddress: null } }),
    less,
    now,
  );
  t.match(back, {
    kind: 'moved',
    job: { state: 'running', startedAt: after(2_000), container: { containerId: 'c1' } },
  });
});

t.test('a placed job takes the next launch number and is charged', async (t) => {
  const next = step(aPending({ launches: 4 }), eventsOf(5).placed, now);
  t.match(next, {
    kind: 'moved',
    job: { state: 'launching', launches: 5, directory: '/jobs/7', placement: { host: 'node1' } },
    effects: [{ kind: 'dequeue' }, { kind: 'charge', taskId: taskIdOf(jobId(7), 5) }],
  });
  if (next.kind === 'moved') t.notOk('notBefore' in next.job, 'no data of the former state');
});

t.test('a task id that is not the next launch is our own mistake', async (t) => {
  t.throws(() => step(aPending({ launches: 1 }), eventsOf(1).placed, now), Bug);
});

t.test('a refused launch is uncharged, keeps its number and its place', async (t) => {
  const next = step(JOBS.launching, EVENTS.neverRan, now);
  t.match(next, {
    kind: 'moved',
    job: { state: 'pending', launches: 1, faults: [], notBefore: null, directory: '/jobs/7' },
    effects: [
      { kind: 'settle', taskId: task1, usedMs: 0 },
      { kind: 'enqueue', notBefore: null },
    ],
  });
  if (next.kind === 'moved') t.notOk('placement' in next.job, 'no data of the former state');
});

t.test(
  'a fault of the system is remembered, and the next launch waits for old processes',
  async (t) => {
    const next = step(JOBS.running, EVENTS.systemFault, now);
    t.match(next, {
      kind: 'moved',
      job: {
        state: 'pending',
        notBefore: after(40_000),
        faults: [{ taskId: task1, host: 'node1', because: LOST, at: now }],
      },
      effects: [
        { kind: 'settle', usedMs: 0 },
        { kind: 'enqueue', notBefore: after(40_000) },
      ],
    });
  },
);

t.test('after the granted retries the job gives up, with every fault on record', async (t) => {
  const fault = { taskId: task1, host: 'node1', because: LOST, at: now };
  const granted = (systemRetriesMax: number, faults: number) =>
    step(
      aRunning({ spec: aSpec({ systemRetriesMax }), faults: Array(faults).fill(fault) }),
      EVENTS.systemFault,
      now,
    );
  t.match(granted(0, 0), { job: { state: 'over', outcome: { kind: 'gaveUp', because: LOST } } });
  t.match(granted(2, 1), { job: { state: 'pending' } });
  const last = granted(2, 2);
  t.match(last, { job: { state: 'over' }, effects: [{ kind: 'settle', usedMs: 0 }] });
  if (last.kind === 'moved') t.equal(last.job.faults.length, 3);
  t.match(granted(1_000, SYSTEM_RETRIES_MAX - 1), { job: { state: 'pending' } });
  t.match(granted(1_000, SYSTEM_RETRIES_MAX), { job: { state: 'over' } });
});

t.test('use counts from the start, however long the image took to come', async (t) => {
  const pulled = step(aLaunching(), EVENTS.started, after(601_000));
  t.match(pulled, { job: { state: 'running', startedAt: after(601_000) } });
  const running = pulled.kind === 'moved' ? pulled.job : JOBS.launching;
  t.match(step(running, EVENTS.ended, after(604_000)), {
    effects: [{ kind: 'settle', usedMs: 3_000 }],
  });
});

t.test('a registry is asked again by a rule of its own, beside the other faults', async (t) => {
  const because = { code: 'registry-trouble', facts: {} } as const;
  const lost = { taskId: task1, host: 'node1', because: LOST, at: now };
  const refused = { ...lost, because };
  const none = aSpec({ systemRetriesMax: 0 });
  const refusedAfter = (times: number) =>
    step(
      aLaunching({ spec: none, faults: Array(times).fill(refused) }),
      { ...EVENTS.systemFault, because },
      now,
    );
  t.match(refusedAfter(0), {
    job: { state: 'pending', faults: [{ because }] },
    effects: [{ kind: 'settle', usedMs: 0 }, { kind: 'enqueue' }],
  });
  t.match(refusedAfter(REGISTRY_RETRIES_MAX - 1), { job: { state: 'pending' } });
  t.match(refusedAfter(REGISTRY_RETRIES_MAX), {
    job: { state: 'over', outcome: { kind: 'gaveUp', because } },
  });
  const two = aSpec({ systemRetriesMax: 2 });
  t.match(
    step(
      aRunning({ spec: two, faults: [refused, refused, refused, lost] }),
      EVENTS.systemFault,
      now,
    ),
    { job: { state: 'pending' } },
    'what the registry refused takes no relaunch away',
  );
});

t.test('a job whose kill is wanted never waits again', async (t) => {
  const killWanted = { by: anna, at: now };
  for (const event of [EVENTS.killed, EVENTS.systemFault])
    for (const job of [aLaunching({ killWanted }), aRunning({ killWanted })])
      t.match(
        step(job, event, now),
        { job: { state: 'over', outcome: { kind: 'killed', by: anna } } },
        `${job.state} + ${event.kind}`,
      );
  const noRetry = aRunning({ killWanted, spec: aSpec({ systemRetriesMax: 0 }) });
  t.match(step(noRetry, EVENTS.systemFault, now), {
    job: { outcome: { kind: 'killed', by: anna }, faults: [{ because: LOST }] },
  });
  t.match(step(aLaunching({ killWanted }), EVENTS.neverRan, now), {
    job: { state: 'over', outcome: { kind: 'killed', by: anna } },
  });
});

t.test('a job that ended by itself before the kill keeps its own code', async (t) => {
  t.match(step(aRunning({ killWanted: { by: anna, at: now } }), EVENTS.ended, now), {
    job: { state: 'over', outcome: { kind: 'exited', exitCode: 3 } },
  });
});

t.test(
  'killing: the task is told, told again when asked again or when it still runs',
  async (t) => {
    const kill: Effect = { kind: 'killTask', taskId: task1, agentId: aPlacement().agentId };
    for (const state of ['launching', 'running', 'unreachable'] as const)
      t.same(step(JOBS[state], EVENTS.killWanted, now).effects, [kill], state);
    t.same(step(JOBS.killing, EVENTS.killWanted, now), {
      kind: 'ignored',
      because: 'killWanted while killing',
      effects: [kill],
    });
    const early = aKilling({ startedAt: null });
    t.match(step(early, EVENTS.started, now), {
      job: { state: 'killing', startedAt: now, container: { containerId: 'c1' } },
      effects: [kill],
    });
  },
);

t.test('the first to ask for a kill is the one who killed', async (t) => {
  const killWanted = { by: anna, at: after(1) };
  const other = { ...EVENTS.killWanted, by: aPending().owner };
  t.match(step(aRunning({ killWanted }), other, now), { job: { killWanted } });
  t.match(step(aPending({ killWanted }), other, now), {
    job: { outcome: { kind: 'killed', by: anna } },
  });
});

t.test('an end by itself proves a start', async (t) => {
  const { placement } = JOBS.launching;
  t.match(step(JOBS.launching, EVENTS.ended, now), { job: { startedAt: placement.placedAt } });
  t.match(step(JOBS.launching, EVENTS.launchFailed, now), { job: { startedAt: null } });
});

t.test('what is settled is what ran', async (t) => {
  const settled = (job: Job, event: JobEvent) =>
    step(job, event, now).effects.find((effect) => effect.kind === 'settle')?.usedMs;
  t.equal(settled(JOBS.running, EVENTS.ended), 8_000, 'from its start');
  t.equal(settled(JOBS.launching, EVENTS.ended), 9_000, 'its start got lost: from its place');
  t.equal(settled(JOBS.launching, EVENTS.launchFailed), 0, 'never started');
  t.equal(settled(JOBS.killing, EVENTS.killed), 8_000, 'a killed job pays what it ran');
  t.equal(settled(aKilling({ startedAt: null }), EVENTS.killed), 0, 'killed before it started');
  const early = aRunning({ startedAt: after(60_000) });
  t.equal(settled(early, EVENTS.ended), 0, 'a clock that steps back makes nobody use less than 0');
});

/** Mostly about the launch that is held, sometimes about one before or after it; rarely an end. */
const anyNews = fc.record({
  about: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(-2, -1, 1) },
  ),
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('placed', 'started', 'unreachable') },
    { weight: 4, arbitrary: fc.constantFrom('neverRan', 'systemFault', 'killed') },
    { weight: 1, arbitrary: fc.constantFrom('ended', 'launchFailed', 'killWanted', 'gaveUp') },
  ) as fc.Arbitrary<JobEvent['kind']>,
});

t.test('random histories keep the promises', async (t) => {
  let histories = 0;
  fc.assert(
    fc.property(
      fc.array(anyNews, { maxLength: 60, size: 'max' }),
      fc.nat({ max: 7 }),
      (history, retries) => {
        let job: Job = aPending({ spec: aSpec({ systemRetriesMax: retries }) });
        let ends = 0;
        let charged = 0;
        const began = new Set<number>();
        for (const [n, { about, kind }] of history.entries()) {
          // A place always comes for the next launch.
          const launch = kind === 'placed' ? job.launches + 1 : Math.max(1, job.launches + about);
          const real: JobEvent = eventsOf(launch)[kind];
          const next = step(job, real, after(n * 1_000));
          if (next.kind === 'ignored') continue;
          if (job.state === 'over') return false;
          if ('taskId' in real && 'placement' in job && job.placement?.taskId !== real.taskId)
            return false;
          if (next.job.launches < job.launches) return false;
          if (next.job.faults.length < job.faults.length) return false;
          if (real.kind === 'placed') {
            if (began.has(next.job.launches)) return false;
            began.add(next.job.launches);
          }
          for (const effect of next.effects) {
            if (effect.kind === 'charge') charged++;
            if (effect.kind === 'settle') charged--;
          }
          if (next.job.state === 'over') ends++;
          job = next.job;
          const holds = job.state !== 'pending' && job.state !== 'over';
          if (charged !== (holds ? 1 : 0)) return false;
        }
        histories += job.launches > 1 && job.state === 'over' ? 1 : 0;
        return ends <= 1 && (ends === 1) === (job.state === 'over');
      },
    ),
    { seed: SEED, numRuns: 3_000 },
  );
  t.ok(histories > 300, `${histories} of them ended after several launches`);
});

t.test(
  'a launch that is stopped for another job is marked, told to end, and waits again',
  async (t) => {
    const marked = step(JOBS.running, EVENTS.preempted, after(0));
    t.match(marked, {
      kind: 'moved',
      job: { state: 'running', placement: { preemptedAt: after(0) } },
      effects: [{ kind: 'killTask' }],
    });
    if (marked.kind !== 'moved') return;
    t.match(step(marked.job, EVENTS.preempted, after(1)), {
      kind: 'ignored',
      effects: [{ kind: 'killTask' }],
    });
    const fault = { because: { code: 'preempted' } };
    for (const event of [EVENTS.killed, EVENTS.ended])
      t.match(step(marked.job, event, after(1)), {
        job: { state: 'pending', faults: [fault] },
        effects: [{ kind: 'settle', usedMs: 0 }, { kind: 'enqueue' }],
      });
    const well = { kind: 'exited', exitCode: 0, because: null } as const;
    t.match(step(marked.job, { ...EVENTS.ended, outcome: well }, after(1)), {
      job: { state: 'over', outcome: well },
    });
  },
);
