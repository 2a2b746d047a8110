// `god share`, against what the service answers.
import t from 'tap';
import { EXIT } from '../../src/cli/exit-codes.js';
import { setUp } from './set-up.js';

const term = (name: string, value: number) => ({
  name,
  raw: 3600,
  unit: 's',
  normalised: value,
  weight: 1,
  value,
});
const account = (user: string, position: number | null) => ({
  user,
  project: 'dna',
  prio: 50,
  waiting: position === null ? 0 : 3,
  running: 1,
  position,
  score: 1.25,
  group_score: null,
  used: { cpu_hours: 12.34, ram_hours: 5, gpu_hours: 0 },
  terms: [term('user_time', 0.25), term('user', 1)],
});
const REPORT = {
  policy: 'fairshare',
  usage: { kind: 'half-life', half_life: 604_800, advance: 600 },
  accounts: [account('ada', 1), account('bob', null)],
};
const asked = (body: unknown) => ({ when: /GET .*share/, answer: { status: 200, body } });

t.test('a table of all accounts that one may see', async (t) => {
  const { server, terminal, god } = await setUp(t);
  server.faults.push(asked(REPORT));
  t.equal(await god('share'), 0);
  t.match(
    terminal.outText,
    /Policy fairshare; use halves every 7d00h; the lowest score goes first\./,
  );
  t.match(terminal.outText, /POS +USER +PROJECT +WAITING +RUNNING +CPU-H/);
  t.match(terminal.outText, / +1 +ada +dna +3 +1 +12\.3 +5\.0 +0\.0 +1\.25\n/);
  t.match(terminal.outText, / +- +bob/);
});

t.test('a name shows every term; a user before a project of that name', async (t) => {
  const { server, terminal, god, lines } = await setUp(t);
  server.faults.push(asked({ ...REPORT, accounts: [account('bob', null)] }));
  t.equal(await god('share', 'bob'), 0);
  t.match(terminal.outText, /Account: +bob in dna, priority 50/);
  t.match(terminal.outText, /Score: +1\.25 \(if a job were submitted now\)/);
  t.match(terminal.outText, /TERM +USED +NORMALISED +WEIGHT +VALUE/);
  t.match(terminal.outText, /user_time +3600 s +0\.25 +1 +0\.25/);
  t.match(lines(/share/)[0]?.line, /user=bob/);

  server.faults.push(
    { when: /share\?user/, answer: { status: 404, body: { code: 'user-not-found', msg: 'no' } } },
    asked({ ...REPORT, usage: { kind: 'window', days: 30 } }),
  );
  t.equal(await god('share', 'dna'), 0);
  t.match(terminal.outText, /use of the last 30 days/);
  t.match(lines(/share/).at(-1)?.line, /project=dna/);
});

t.test('for machines, for nobody, and from a stranger', async (t) => {
  const { server, terminal, god } = await setUp(t);
  server.faults.push(asked(REPORT), asked({ ...REPORT, accounts: [] }), asked('<html>'));
  t.equal(await god('share', '--json'), 0);
  t.strictSame(JSON.parse(terminal.outText), REPORT);
  t.equal(await god('share'), 0);
  t.match(terminal.errText, /nobody has used anything yet/);
  t.equal(await god('share'), EXIT.protocol);
});

t.test('queues are shown where somebody waits in one', async (t) => {
  const { server, terminal, god } = await setUp(t);
  const accounts = [
    { ...account('ada', 1), queue: 'short', queue_priority: 80 },
    { ...account('bob', 2), queue: null, queue_priority: 50 },
  ];
  server.faults.push(asked({ ...REPORT, accounts }), asked({ ...REPORT, accounts: [accounts[0]] }));
  t.equal(await god('share'), 0);
  t.match(terminal.outText, /PROJECT +QUEUE +Q-PRIO +WAITING/);
  t.match(terminal.outText, / 1 +ada +dna +short +80 +3/);
  t.match(terminal.outText, / 2 +bob +dna +- +50 +3/);
  t.equal(await god('share', 'ada'), 0);
  t.match(terminal.outText, /Queue: +short, priority 80: compared before the score/);
});
