import t from 'tap';
import { accountingRecord, launchEnd } from '../../src/core/accounting.js';
import type { Job, LiveJob, RunningJob } from '../../src/core/job.js';
import { type JobEvent, step } from '../../src/core/lifecycle.js';
import { NEVER_RETRIED } from '../../src/core/retry.js';
import { instant, jobId, userId } from '../../src/core/units.js';
import { AT, aNewJob, aPlacement, aSpec } from '../store/a-job.js';

const ID = jobId(7);
const END = instant(AT + 61_500);
const running = (over: Partial<RunningJob> = {}): RunningJob => {
  const { script: _s, digest: _d, idempotencyKey: _k, ...asked } = aNewJob();
  return {
    ...{ ...asked, id: ID, launches: 1, faults: [], retried: NEVER_RETRIED, directory: '/d' },
    ...{ killWanted: null, version: 3, state: 'running', startedAt: instant(AT + 1_500) },
    placement: { ...aPlacement(ID, 1), placedAt: instant(AT + 1_000) },
    container: { containerId: null, ipAddress: null },
    ...over,
  };
};
const taskId = running().placement.taskId;
const because = { code: 'agent-lost', facts: {} } as const;
const exited = (exitCode: number): JobEvent => ({
  ...{ kind: 'ended', taskId },
  outcome: { kind: 'exited', exitCode, because: null },
});

/** What is accounted of the step that the event causes. */
function endOf(before: LiveJob, event: JobEvent) {
  const next = step(before, event, END);
  if (next.kind === 'ignored') throw new Error(next.because);
  return { end: launchEnd(before, next.job, END), to: next.job as Job };
}

t.test('a launch that ends its job', async (t) => {
  const { end } = endOf(running(), exited(3));
  t.match(end, {
    ...{ launch: 1, executor: 'mesos', host: 'node-1', waitedMs: 1_000, ranMs: 60_000 },
    ...{ outcome: { kind: 'exited', exitCode: 3, because: null }, isCharged: true },
    had: { cpuMilli: 1_000, memMb: 1_000, gpus: 0 },
  });
});

t.test('a launch that the system ended is told, and charged to nobody', async (t) => {
  const { end, to } = endOf(running(), { kind: 'systemFault', taskId, because, graceMs: 0 });
  t.equal(to.state, 'pending');
  t.match(end, {
    ...{ ranMs: 60_000, isCharged: false },
    outcome: { kind: 'fault', exitCode: null, because: 'agent-lost' },
  });
});

t.test('a launch that a rule follows by another is charged, with the memory it had', async (t) => {
  const rule = {
    ...{ exitCodes: [{ first: 3, last: 3 }], isForMemory: false, timesMax: 2, pauseMs: 0 },
    growth: { factor: 2, memMbMax: null },
  };
  const before = running({
    spec: aSpec({ retries: [rule] }),
    retried: { ...NEVER_RETRIED, memMbGranted: 4_000 },
  });
  const { end, to } = endOf(before, exited(3));
  t.equal(to.state, 'pending');
  t.match(end, {
    ...{ isCharged: true, had: { memMb: 4_000 } },
    outcome: { kind: 'exited', exitCode: 3 },
  });
  const record = end === null ? undefined : accountingRecord(before, end);
  t.match(record, {
    ...{ jobId: ID, asked: { memMb: 1_000 }, image: 'debian:12', queue: null, measured: null },
    allocated: { cpuMs: 60_000, gpuMs: 0, memMbSeconds: 240_000 },
  });
});

t.test('a launch that never ran', async (t) => {
  const { startedAt: _s, container: _c, ...rest } = running();
  const launching = { ...rest, state: 'launching' } as const;
  const { end } = endOf(launching, { kind: 'neverRan', taskId, because, graceMs: 0 });
  t.match(end, { ranMs: 0, isCharged: false, outcome: { kind: 'refused' }, startedAt: null });
});

t.test('a kill says for what reason', async (t) => {
  const why = { code: 'watcher', facts: { watcher: 'idle', because: 'it does nothing' } } as const;
  const wanted = { kind: 'killWanted', by: userId('watcher:idle'), at: AT, because: why } as const;
  const killing = step(running(), wanted, AT);
  if (killing.kind === 'ignored' || killing.job.state !== 'killing') throw new Error('not killing');
  t.equal(launchEnd(running(), killing.job, AT), null, 'it has not ended');
  const { end, to } = endOf(killing.job, { kind: 'killed', taskId, because });
  t.match(to, { state: 'over', outcome: { kind: 'killed', because: why } });
  t.match(end, { isCharged: true, outcome: { kind: 'killed', because: 'watcher' } });
});

t.test('waiting begins with the submission, or with the end before', async (t) => {
  const at = instant(AT + 400);
  const faults = [{ taskId, host: 'node-2', because, at }];
  t.equal(endOf(running({ faults }), exited(0)).end?.waitedMs, 600);
});
