// `god why`, against what the service answers.
import t from 'tap';
import { EXIT } from '../../src/cli/exit-codes.js';
import {
  assumptionWords,
  causeWords,
  estimateWords,
  positionWords,
  readWhy,
} from '../../src/cli/why-view.js';
import { localTime } from '../../src/cli/words.js';
import { setUp } from './set-up.js';

const AT = 1_800_000_000;
const REPORT = {
  id: 7,
  primary: 'pending',
  secondary: null,
  reason: 'Limit reached: user ada: 2 of at most 2 jobs run',
  obstacles: [],
  impossible: null,
  position: { from: 120_000, to: 150_000, of: 1_000_000, member: null, date: AT, age: 65 },
  estimate: {
    kind: 'about',
    date: AT + 600,
    from: AT + 300,
    to: AT + 900,
    basis: { like: 1_200, lifespan: 3, site: 0, unknown: 0 },
    agents: 4,
  },
};
const asked = (body: unknown) => ({ when: /GET .*why/, answer: { status: 200, body } });

t.test('position, what it waits for, start and suppositions', async (t) => {
  const { server, terminal, god } = await setUp(t);
  server.faults.push(asked(REPORT));
  t.equal(await god('why', '7'), 0);
  const time = (seconds: number) => localTime((AT + seconds) * 1_000);
  for (const line of [
    /^Job: +7$/m,
    /^Position: +between 120,000 and 150,000 of 1,000,000 in line, as of 1m05s ago$/m,
    /^Waits for: +Limit reached: user ada/m,
    `about ${time(600)} (from ${time(300)} to ${time(900)})`,
    /^Supposing: +nothing new is submitted, 4 agents stay as now, .*1,200 as long as like jobs/m,
  ])
    t.match(terminal.outText, line);
});

t.test('another job beside it', async (t) => {
  const { server, terminal, god, lines } = await setUp(t);
  const terms = [{ name: 'user_time', mine: 0.9, other: 0.1 }];
  const because = [{ code: 'score', mine: 1.5, other: 0.5, terms }];
  const compared = { id: 5, user: 'bob', project: 'dna', first: 5, position: null, because };
  server.faults.push(asked({ ...REPORT, compared }));
  t.equal(await god('why', '7', '5'), 0);
  t.match(lines(/why/)[0]?.line, /other=5/);
  t.match(terminal.outText, /Job 5: +bob, project dna; .*it stands before 7/);
  t.match(terminal.outText, /Because: .*yours 1\.5, the other's 0\.5; user_time 0\.9 beside 0\.1/);
  server.faults.push(
    asked({
      ...REPORT,
      compared: { ...compared, user: undefined, because: [{ code: 'not-shown' }] },
    }),
  );
  t.equal(await god('why', '7', '5'), 0);
  t.match(terminal.outText, /Job 5: +another user's/);
});

t.test('a job that does not wait, bad ids, and what is no answer', async (t) => {
  const { server, terminal, god } = await setUp(t);
  server.faults.push(
    asked({ id: 7, primary: 'running', reason: null, position: null, estimate: null }),
  );
  t.equal(await god('why', '7'), 0);
  t.match(terminal.outText, /Job 7: it does not wait/);
  t.equal(await god('why', 'x'), EXIT.usage);
  server.faults.push(asked('nonsense'));
  t.equal(await god('why', '7'), EXIT.protocol);
  server.faults.push(asked(REPORT));
  t.equal(await god('why', '7', '--json'), 0);
  t.match(terminal.outText, /"position"/);
});

t.test('words for all that is unknown, also of a newer server', async (t) => {
  const unknown = (because: string, from: number | null = null) =>
    estimateWords({ kind: 'unknown', because, from });
  for (const because of [
    'under-way',
    'not-in-line',
    'not-seen-yet',
    'far-back',
    'no-ends',
    'no-place',
  ])
    t.match(unknown(because), /^(cannot be told|not told yet): ./, because);
  t.equal(unknown('something new'), 'cannot be told');
  t.equal(unknown('far-off', AT * 1_000), `not before ${localTime(AT * 1_000)}`);
  t.equal(estimateWords(null), '');
  t.equal(assumptionWords(null), '');
  t.equal(positionWords(null), '');
  const cause = { mine: 1, other: 2, whose: 'mine', terms: [] };
  for (const code of ['same-account', 'queue-priority', 'group-score', 'own-jobs-first', 'older'])
    t.match(causeWords({ ...cause, code }), / /, code);
  t.equal(causeWords({ ...cause, code: 'newer' }), 'newer');
  const view = readWhy({ ...REPORT, position: { from: null, to: null, of: 3, age: 0 } });
  t.equal(positionWords(view.position), 'not in line');
});
