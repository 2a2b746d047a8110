import t from 'tap';
import type { TaskUpdate } from '../../src/contracts/cluster.js';
import { exitCodeInFile, exitCodeOf, signalNumber } from '../../src/core/exit-status.js';
import type { Job } from '../../src/core/job.js';
import { step } from '../../src/core/lifecycle.js';
import { agentId, jobId, taskIdOf } from '../../src/core/units.js';
import {
  type Doubt,
  endByFile,
  REGISTRY_PAUSE_MS_MAX,
  type TaskReport,
  type Verdict,
  verdict,
} from '../../src/core/verdict.js';
import { after, aPlacement, aRunning, JOBS, LOST } from './samples.js';

const LOST_GRACE_MS = 30_000;
const task = taskIdOf(jobId(7), 1);

const aReport = (state: TaskReport['state'], part: Partial<TaskReport> = {}): TaskReport => ({
  taskId: task,
  agentId: agentId('a1'),
  state,
  reason: null,
  message: null,
  containerId: null,
  ipAddress: null,
  ...part,
});

const judge = (job: Job, report: TaskReport, doubt: Doubt | null = null, at = after(0)) =>
  verdict(job, report, { at, doubt, lostGraceMs: LOST_GRACE_MS });

/** `event systemFault agent-lost 30000`, `nothing`, … */
function inShort(answer: Verdict): string {
  if (answer.kind !== 'event') return answer.kind;
  const { event } = answer;
  const code = 'because' in event ? ` ${event.because.code}` : '';
  const grace = 'graceMs' in event ? ` ${event.graceMs}` : '';
  const outcome =
    event.kind !== 'ended'
      ? ''
      : event.outcome.kind === 'exited'
        ? ` ${event.outcome.exitCode}`
        : ' ?';
  return `${event.kind}${outcome}${code}${grace}`;
}

t.test('a cluster update of the contract is a report', async (t) => {
  const update: TaskUpdate = {
    ...aReport('finished'),
    at: after(0),
    labels: {},
    receipt: null,
  };
  t.equal(inShort(judge(JOBS.running, update)), 'ended 0');
});

/** The table of the architecture: update, reason, message → while launching; while running or unreachable. */
const TABLE: readonly [TaskReport['state'], string | null, string | null, string, string][] = [
  ['staging', null, null, 'nothing', 'nothing'],
  ['starting', null, null, 'nothing', 'nothing'],
  ['killing', 'agent-draining', null, 'nothing', 'nothing'],
  ['running', null, null, 'started', 'started'],
  ['finished', null, 'Command exited with status 0', 'ended 0', 'ended 0'],
  ['failed', null, 'Command exited with status 7', 'ended 7', 'ended 7'],
  ['failed', null, 'Container exited with status 137', 'ended 137', 'ended 137'],
  ['failed', null, 'Command terminated with signal Killed', 'ended 137', 'ended 137'],
  ['failed', null, 'something else', 'read-exit-file', 'read-exit-file'],
  ['failed', null, null, 'read-exit-file', 'read-exit-file'],
  ['failed', 'container-limitation-memory', 'Memory limit exceeded', 'ended 137', 'ended 137'],
  [
    'failed',
    'max-completion-time-reached',
    'Command terminated with signal Terminated',
    'ended 143',
    'ended 143',
  ],
  ['failed', 'max-completion-time-reached', null, 'ended 137', 'ended 137'],
  ['failed', 'container-limitation-disk', 'Disk usage', 'ended 137', 'ended 137'],
  ['failed', 'container-limitation', null, 'ended 137', 'ended 137'],
  ['killed', 'container-limitation-memory', null, 'ended 137', 'ended 137'],
  ['killed', 'max-completion-time-reached', null, 'ended 137', 'ended 137'],
  [
    'failed',
    'container-launch-failed',
    "Failed to launch container: Failed to run 'docker pull x': exited with status 1",
    'launchFailed container-launch-failed',
    'launchFailed container-launch-failed',
  ],
  [
    'failed',
    'container-launch-failed',
    "Failed to launch container: Failed to run 'docker pull x': exited with status 1; stderr='manifest unknown'",
    'launchFailed no-such-image',
    'launchFailed no-such-image',
  ],
  [
    'failed',
    'container-launch-failed',
    "Failed to launch container: Failed to run 'docker pull x': exited with status 1; stderr='toomanyrequests: slow down'",
    'systemFault registry-trouble 11094',
    'systemFault registry-trouble 11094',
  ],
  [
    'failed',
    'container-launch-failed',
    "Failed to launch container: Failed to run 'docker pull x': exited with status 1; stderr='Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?'",
    'systemFault executor-terminated 30000',
    'systemFault executor-terminated 30000',
  ],
  [
    'failed',
    'executor-terminated',
    'Executor terminated',
    'systemFault executor-terminated 30000',
    'systemFault executor-terminated 30000',
  ],
  ['killed', null, null, 'killed killed-by-cluster', 'killed killed-by-cluster'],
  ['killed', 'agent-draining', null, 'killed killed-by-cluster', 'killed killed-by-cluster'],
  [
    'error',
    'task-invalid',
    'Task uses no resources',
    'launchFailed task-error',
    'launchFailed task-error',
  ],
  ['dropped', 'invalid-offers', null, 'neverRan dropped 0', 'systemFault dropped 0'],
  ['dropped', 'executor-terminated', null, 'neverRan dropped 5000', 'systemFault dropped 0'],
  ['gone', 'reconciliation', null, 'neverRan agent-gone 0', 'systemFault agent-gone 0'],
  ['gone', null, null, 'systemFault agent-gone 30000', 'systemFault agent-gone 30000'],
  [
    'gone-by-operator',
    'agent-removed-by-operator',
    null,
    'systemFault agent-gone 0',
    'systemFault agent-gone 0',
  ],
  [
    'lost',
    'agent-removed',
    'the agent unregistered',
    'systemFault agent-lost 30000',
    'systemFault agent-lost 30000',
  ],
  ['lost', 'invalid-offers', null, 'neverRan dropped 0', 'systemFault agent-lost 30000'],
  ['lost', 'reconciliation', 'Reconciliation: Task is unknown', 'ask-again', 'ask-again'],
  ['failed', 'reconciliation', 'Reconciliation: Latest task state', 'ask-again', 'ask-again'],
  ['unreachable', 'agent-removed', null, 'unreachable', 'unreachable'],
  ['unknown', 'reconciliation', null, 'ask-again', 'ask-again'],
];

t.test('what each word means', async (t) => {
  for (const [state, reason, message, launching, later] of TABLE) {
    const report = aReport(state, { reason, message });
    const name = `${state} ${reason ?? ''} ${message ?? ''}`;
    t.equal(inShort(judge(JOBS.launching, report)), launching, `launching: ${name}`);
    t.equal(inShort(judge(JOBS.running, report)), later, `running: ${name}`);
    t.equal(inShort(judge(JOBS.unreachable, report)), later, `unreachable: ${name}`);
  }
});

t.test('a job being killed ends as killed by whatever ends its task', async (t) => {
  for (const [state, reason, message, , later] of TABLE) {
    if (['nothing', 'started', 'ask-again', 'unreachable'].includes(later)) continue;
    const answer = judge(JOBS.killing, aReport(state, { reason, message }));
    if (answer.kind !== 'event') {
      t.fail(`${state} ${reason}: ${answer.kind}`);
      continue;
    }
    t.match(
      step(JOBS.killing, answer.event, after(0)),
      { job: { state: 'over', outcome: { kind: 'killed', by: 'anna' } } },
      `${state} ${reason} ${message}`,
    );
  }
});

t.test('a registry is asked again after growing pauses, within a bound', async (t) => {
  const message = 'Failed to pull the image x: toomanyrequests: slow down';
  const report = aReport('failed', { reason: 'container-launch-failed', message });
  const other = { taskId: task, host: 'node1', because: LOST, at: after(0) };
  const refused = { ...other, because: { code: 'registry-trouble', facts: {} } as const };
  const pauses = Array.from({ length: 12 }, (_, n) => {
    const faults = [other, ...Array.from({ length: n }, () => refused)];
    const answer = judge({ ...JOBS.launching, faults }, report);
    return answer.kind === 'event' && answer.event.kind === 'systemFault'
      ? answer.event.graceMs
      : Number.NaN;
  });
  t.same(pauses.slice(0, 4), [11_094, 22_188, 44_375, 88_750], 'other faults do not count');
  t.equal(pauses.at(-1), REGISTRY_PAUSE_MS_MAX);
  t.same(
    pauses,
    [...pauses].sort((a, b) => a - b),
  );
});

t.test('jobs that a registry refused together come again apart', async (t) => {
  const message = 'Failed to pull the image x: toomanyrequests: slow down';
  const report = aReport('failed', { reason: 'container-launch-failed', message });
  const answers = Array.from({ length: 64 }, (_, n) =>
    inShort(judge({ ...JOBS.launching, id: jobId(n) }, report)),
  );
  t.equal(new Set(answers).size, 32);
});

t.test('of a task that nobody holds only its life matters', async (t) => {
  const second = aRunning({ launches: 2, placement: aPlacement(2) });
  for (const job of [JOBS.pending, JOBS.over, second])
    for (const [state, reason, message] of TABLE) {
      const expected = state === 'running' ? 'started' : 'nothing';
      const answer = judge(job, aReport(state, { reason, message }));
      t.equal(inShort(answer), expected, `${job.state}: ${state} ${reason}`);
    }
});

t.test('limits are told with the code', async (t) => {
  const memory = aReport('failed', { reason: 'container-limitation-memory', message: 'over' });
  t.match(judge(JOBS.running, memory), {
    event: {
      outcome: {
        because: {
          code: 'out-of-memory',
          facts: { reason: 'container-limitation-memory', message: 'over' },
        },
      },
    },
  });
});

t.test(
  '137 for want of memory, for a kill out of nowhere and for a wanted kill are told apart',
  async (t) => {
    const codeOf = (report: TaskReport, job: Job = JOBS.running): unknown => {
      const answer = judge(job, report);
      if (answer.kind !== 'event' || !('outcome' in answer.event)) return answer.kind;
      const moved = step(job, answer.event, after(0));
      if (moved.kind !== 'moved' || moved.job.state !== 'over') return moved.kind;
      const { outcome } = moved.job;
      return outcome.kind === 'exited' ? [outcome.exitCode, outcome.because?.code] : outcome.kind;
    };
    const memory = aReport('failed', {
      reason: 'container-limitation-memory',
      message: 'Container exited with status 1: memory limit exceeded',
    });
    t.same(codeOf(memory), [137, 'out-of-memory']);
    t.same(codeOf(aReport('failed', { ...memory, state: 'killed' })), [137, 'out-of-memory']);
    for (const message of [
      'Command terminated with signal Killed',
      'Container exited with status 137',
    ])
      t.same(codeOf(aReport('failed', { message })), [137, 'killed-by-signal'], message);
    t.same(codeOf(memory, JOBS.killing), 'killed', 'a wanted kill stays one');
    const disk = aReport('failed', { reason: 'container-limitation-disk', message: 'disk' });
    t.same(codeOf(disk), [137, 'resource-limit']);
    t.match(endByFile({ taskId: task, message: null }, '137\n'), {
      outcome: { exitCode: 137, because: { code: 'killed-by-signal' } },
    });
  },
);

t.test('UNKNOWN is believed after three answers over a minute', async (t) => {
  const report = aReport('unknown', { reason: 'reconciliation' });
  const ask = (doubt: Doubt | null, ms: number) => judge(JOBS.running, report, doubt, after(ms));
  const first = ask(null, 0);
  t.same(first, { kind: 'ask-again', doubt: { answers: 1, since: after(0) } });
  t.same(ask({ answers: 1, since: after(0) }, 70_000).kind, 'ask-again', 'two answers are few');
  t.same(ask({ answers: 7, since: after(0) }, 59_999).kind, 'ask-again', 'a minute is not over');
  t.equal(inShort(ask({ answers: 2, since: after(0) }, 60_000)), 'systemFault agent-lost 30000');
});

t.test(
  'a number in use is no end of the job, and says nothing of one whose task runs',
  async (t) => {
    const report = aReport('error', {
      reason: 'task-invalid',
      message: 'Task has duplicate ID: 7-1',
    });
    t.equal(inShort(judge(JOBS.launching, report)), 'numberTaken');
    t.equal(inShort(judge(JOBS.killing, report)), 'numberTaken');
    t.equal(judge(JOBS.running, report).kind, 'nothing');
  },
);

t.test('long messages are cut', async (t) => {
  const answer = judge(JOBS.running, aReport('error', { message: 'x'.repeat(5_000) }));
  t.match(answer, { event: { because: { facts: { message: /^x{1000}$/ } } } });
});

t.test('exit codes in messages', async (t) => {
  const codes: Record<string, number | undefined> = {
    'Command exited with status 0': 0,
    'Command exited with status 255': 255,
    'Container exited with status 3': 3,
    'Command exited with status 256': undefined,
    'Command exited with status 1234': undefined,
    'Command terminated with signal Terminated': 143,
    'Command terminated with signal Segmentation fault (core dumped)': 139,
    'Command terminated with signal 9': 137,
    'Command terminated with signal SIGINT': 130,
    'Command was terminated with signal Hangup': 129,
    'Command terminated with signal Confusion': undefined,
    "Failed to run 'docker pull': exited with status 1": undefined,
    "stderr='Command exited with status 9'": undefined,
    '': undefined,
  };
  for (const [message, code] of Object.entries(codes)) t.equal(exitCodeOf(message), code, message);
  t.equal(exitCodeOf(null), undefined);
});

t.test('signals by number, name and words', async (t) => {
  t.equal(signalNumber('KILL'), 9);
  t.equal(signalNumber('sigsys'), 31);
  t.equal(signalNumber('CPU time limit exceeded'), 24);
  t.equal(signalNumber('Real-time signal 0'), 34);
  t.equal(signalNumber('65'), undefined);
  t.equal(signalNumber('0'), undefined);
});

t.test('the exit file holds one small number and nothing else', async (t) => {
  for (const [text, code] of [
    ['0\n', 0],
    ['17', 17],
    ['255\r\n', 255],
    ['256\n', undefined],
    ['-1\n', undefined],
    ['1 \n', undefined],
    ['', undefined],
    ['7\n7\n', undefined],
  ] as const)
    t.equal(exitCodeInFile(text), code, JSON.stringify(text));
  const asked = { taskId: task, message: 'odd' };
  t.match(endByFile(asked, '5\n'), { outcome: { kind: 'exited', exitCode: 5, because: null } });
  for (const content of [null, 'junk'])
    t.match(endByFile(asked, content), {
      outcome: {
        kind: 'unknown',
        because: { code: 'exit-code-unknown', facts: { message: 'odd' } },
      },
    });
});
