import fc from 'fast-check';
import t from 'tap';
import type { QuickFailure } from '../../src/core/closure.js';
import {
  avoidedBy,
  type Fleet,
  QUICK_MS,
  Suspicions,
  setAside,
  signOf,
  TAKEN_BACK_MAX,
} from '../../src/core/suspicion.js';
import { jobId, taskIdOf, userId } from '../../src/core/units.js';
import { after, EVENTS, SEED } from './samples.js';

const MINUTE = 60_000;
const fleet: Fleet = { known: 10, open: 10, setAside: 0 };
const node = (host: string) => ({ executor: 'mesos', host });

/** A job of that user fails at once; a launch of `job` unless told otherwise. */
const failure = (job: number, owner: string, atMs = 0, launch = 1): QuickFailure => ({
  taskId: taskIdOf(jobId(job), launch),
  jobId: jobId(job),
  owner: userId(owner),
  at: after(atMs),
  how: 'exit code 1',
});

const end = (host: string, quick: QuickFailure, part: object = {}) => ({
  agent: node(host),
  failure: quick,
  takenBack: 0,
  isOnProbation: false,
  ...part,
});

t.test('failures of one user alone are never evidence', async (t) => {
  const suspicions = new Suspicions();
  for (let job = 1; job <= 1_000; job++) {
    const judgement = suspicions.badEnd(end('n1', failure(job, 'mallory', job)), fleet);
    if (judgement.isTakenBack || judgement.setAside !== null) t.fail(`job ${job}`);
  }
  t.equal(
    suspicions.badEnd(end('n1', failure(2_000, 'bob', 1_001)), fleet).setAside,
    null,
    'nor do they weigh more than a few when another fails once',
  );
});

t.test(
  'from the second user on launches are taken back; five of two set the agent aside',
  async (t) => {
    const suspicions = new Suspicions();
    const told = (['anna', 'anna', 'anna', 'bob', 'bob'] as const).map((owner, n) =>
      suspicions.badEnd(end('n1', failure(n + 1, owner, n)), fleet),
    );
    t.same(
      told.map(({ isTakenBack }) => isTakenBack),
      [false, false, false, true, true],
      'the first user keeps the ends',
    );
    t.same(
      told.map(({ setAside: evidence }) => evidence?.length ?? 0),
      [0, 0, 0, 0, 5],
    );
  },
);

t.test('the same end told twice counts once', async (t) => {
  const suspicions = new Suspicions();
  for (let n = 0; n < 10; n++) suspicions.badEnd(end('n1', failure(1, 'anna')), fleet);
  suspicions.badEnd(end('n1', failure(2, 'bob')), fleet);
  const [a, b] = [0, 1].map(() => suspicions.badEnd(end('n1', failure(2, 'bob')), fleet));
  t.same(a, b);
  t.equal(a?.setAside, null);
  t.equal(a?.isTakenBack, true, 'and is judged the same');
});

t.test('a job that fails elsewhere too was bad itself: it takes back what it said', async (t) => {
  const suspicions = new Suspicions();
  suspicions.badEnd(end('n1', failure(1, 'anna')), fleet);
  const bob = suspicions.badEnd(end('n1', failure(2, 'bob')), fleet);
  t.equal(bob.isTakenBack, true);
  const again = suspicions.badEnd(end('n2', failure(2, 'bob', 1, 2), { takenBack: 1 }), fleet);
  t.equal(again.isTakenBack, false, 'nobody else fails on that other agent');
  const anna = suspicions.badEnd(end('n1', failure(3, 'anna', 2)), fleet);
  t.equal(anna.isTakenBack, false, 'anna is alone there again');
});

t.test('a job is taken back a few times at most, even where everything fails', async (t) => {
  const suspicions = new Suspicions();
  for (const host of ['n1', 'n2', 'n3', 'n4', 'n5'])
    suspicions.badEnd(end(host, failure(1, 'anna')), fleet);
  let count = 0;
  for (const host of ['n1', 'n2', 'n3', 'n4', 'n5'])
    if (
      suspicions.badEnd(end(host, failure(2, 'bob', 1, count + 1), { takenBack: count }), fleet)
        .isTakenBack
    )
      count += 1;
  t.equal(count, TAKEN_BACK_MAX);
});

t.test(
  'an end that is not bad clears the agent, if it began after the first failure',
  async (t) => {
    const suspicions = new Suspicions();
    suspicions.badEnd(end('n1', failure(1, 'anna', 1_000)), fleet);
    suspicions.goodEnd(node('n1'), after(0));
    t.equal(suspicions.badEnd(end('n1', failure(2, 'bob', 2_000)), fleet).isTakenBack, true);
    suspicions.goodEnd(node('n1'), after(3_000));
    t.equal(suspicions.badEnd(end('n1', failure(3, 'carl', 4_000)), fleet).isTakenBack, false);
  },
);

t.test('what is old counts no more', async (t) => {
  const suspicions = new Suspicions();
  suspicions.badEnd(end('n1', failure(1, 'anna')), fleet);
  const late = suspicions.badEnd(end('n1', failure(2, 'bob', 11 * MINUTE)), fleet);
  t.equal(late.isTakenBack, false);
});

t.test('a single agent is neither suspected nor set aside: there is no elsewhere', async (t) => {
  const suspicions = new Suspicions();
  const alone: Fleet = { known: 1, open: 1, setAside: 0 };
  for (let n = 0; n < 20; n++) {
    const judgement = suspicions.badEnd(end('n1', failure(n + 1, `user${n}`, n)), alone);
    t.same(judgement, { isTakenBack: false, setAside: null, isSpared: false });
  }
});

t.test('on probation one failure is enough, whoever fails, and each pause is longer', async (t) => {
  const suspicions = new Suspicions();
  const judgement = suspicions.badEnd(end('n1', failure(9, 'anna'), { isOnProbation: true }), {
    known: 10,
    open: 9,
    setAside: 1,
  });
  t.equal(judgement.isTakenBack, true);
  t.equal(judgement.setAside?.length, 1);
  const pauses: number[] = [];
  let before = null;
  for (let strike = 1; strike <= 9; strike++) {
    const closure = setAside(node('n1'), [], { at: after(0), before });
    pauses.push((closure.probeFrom - closure.at) / MINUTE);
    before = closure;
  }
  t.same(pauses, [5, 10, 20, 40, 80, 160, 240, 240, 240]);
});

t.test('what an end says of its agent', async (t) => {
  const ended = (exitCode: number) => ({
    ...EVENTS.ended,
    outcome: { kind: 'exited' as const, exitCode, because: null },
  });
  t.equal(signOf(ended(0), 5).sign, 'good');
  t.same(signOf(ended(7), QUICK_MS), { sign: 'bad', how: 'exit code 7' });
  t.equal(signOf(ended(7), QUICK_MS + 1).sign, 'good', 'it ran for a while');
  t.equal(signOf(ended(7), null).sign, 'neutral', 'nobody knows how long it ran');
  const limited = {
    ...EVENTS.ended,
    outcome: {
      kind: 'exited' as const,
      exitCode: 137,
      because: { code: 'out-of-memory' as const, facts: {} },
    },
  };
  t.equal(signOf(limited, 5).sign, 'neutral', 'a limit of its own');
  t.equal(signOf(EVENTS.launchFailed, null).sign, 'neutral', 'the master refused it');
  const notStarted = {
    ...EVENTS.launchFailed,
    because: { code: 'container-launch-failed' as const, facts: {} },
  };
  t.equal(signOf(notStarted, null).sign, 'bad');
  for (const kind of ['neverRan', 'killed', 'unreachable', 'killWanted', 'gaveUp'] as const)
    t.equal(signOf(EVENTS[kind], 5).sign, 'neutral', kind);
});

t.test('a job passes over the agent that it was taken back from, for a while', async (t) => {
  const taken = {
    taskId: taskIdOf(jobId(1), 1),
    host: 'n1',
    because: { code: 'suspect-agent' as const, facts: {} },
    at: after(0),
  };
  const lost = { ...taken, host: 'n2', because: { code: 'agent-lost' as const, facts: {} } };
  const avoided = (skipsFailedNodes: boolean, atMs: number) =>
    avoidedBy([taken, lost], { skipsFailedNodes, at: after(atMs) });
  t.same(avoided(false, 0), ['n1']);
  t.same(avoided(false, 10 * MINUTE), []);
  t.same(avoided(true, 10 * MINUTE), ['n1', 'n2']);
});

const aHistory = fc.record({
  hosts: fc.integer({ min: 1, max: 12 }),
  ends: fc.array(
    fc.record({
      host: fc.nat(11),
      user: fc.nat(5),
      isGood: fc.boolean(),
      pauseMs: fc.nat(30_000),
      takenBack: fc.nat(TAKEN_BACK_MAX + 1),
    }),
    { maxLength: 200 },
  ),
});

t.test(
  'whatever happens, few agents are set aside, the last one never, and never for one user',
  async (t) => {
    fc.assert(
      fc.property(aHistory, ({ hosts, ends }) => {
        const suspicions = new Suspicions();
        const aside = new Set<string>();
        let at = 0;
        ends.forEach(({ host, user, isGood, pauseMs, takenBack }, n) => {
          at += pauseMs;
          const name = `n${host % hosts}`;
          if (aside.has(name)) return;
          if (isGood) {
            suspicions.goodEnd(node(name), after(at));
            return;
          }
          const quick = failure(n + 1, `user${user}`, at);
          const told = { known: hosts, open: hosts - aside.size, setAside: aside.size };
          const judgement = suspicions.badEnd(end(name, quick, { takenBack }), told);
          if (takenBack >= TAKEN_BACK_MAX && judgement.isTakenBack)
            throw new Error('taken back too often');
          const { setAside: evidence } = judgement;
          if (evidence === null) return;
          if (new Set(evidence.map(({ owner }) => owner)).size < 2) throw new Error('of one user');
          if (evidence.some((one) => at + 0 - (one.at - after(0)) >= 10 * MINUTE))
            throw new Error('old evidence');
          aside.add(name);
          if (aside.size > Math.max(1, Math.floor(hosts * 0.2))) throw new Error('too many');
          if (aside.size >= hosts) throw new Error('the last one');
        });
        return true;
      }),
      { seed: SEED, numRuns: 500 },
    );
    t.pass('500 histories');
  },
);

t.test('trouble everywhere sets nothing aside: no agent is special', async (t) => {
  const suspicions = new Suspicions();
  let job = 0;
  for (let round = 0; round < 20; round++)
    for (let host = 0; host < 10; host++) {
      job += 1;
      const quick = failure(job, `user${job % 7}`, job * 100);
      const judgement = suspicions.badEnd(end(`n${host}`, quick), fleet);
      if (judgement.setAside !== null) t.fail(`n${host} in round ${round}`);
    }
  t.pass('200 bad jobs of seven users on ten agents');
});
