// `god nodes` and `god node`, against the shapes of the real server.
import t from 'tap';
import { EXIT } from '../../src/cli/exit-codes.js';
import { setUp } from './set-up.js';

const amounts = (cpu: number, ram: number) => ({ cpu, ram, gpus: 0, ports: 0, custom: {} });

const NODE = {
  name: 'n1',
  executor: 'mesos',
  state: 'open',
  jobs: 2,
  total: amounts(4, 8),
  used: amounts(1.25, 2),
  free: amounts(2.75, 6),
  attributes: {},
  drain: null,
  set_aside: null,
};
const DRAINED = {
  ...NODE,
  state: 'draining',
  drain: { reason: 'new disks', from: 1_700_000_000, until: null, by: 'root', date: 1_700_000_000 },
};

t.test('nodes', async (t) => {
  const { server, terminal, god } = await setUp(t);
  const evidence = [{ job: 7, user: 'bob', date: 1_700_000_000, how: 'exit code 1' }];
  const aside = { date: 1_700_000_000, probe_from: 1_700_000_300, strikes: 1, evidence };
  const body = [
    NODE,
    { ...DRAINED, name: 'n2' },
    { ...NODE, name: 'n3', state: 'set-aside', total: null, set_aside: aside },
  ];
  const when = /GET .*\/nodes/;
  server.faults.push({ when, answer: { status: 200, body } });
  t.equal(await god('nodes'), EXIT.ok, terminal.errText);
  const text = terminal.outText;
  t.match(
    text,
    /^NODE +EXECUTOR +STATE +JOBS +CPU +RAM +GPUS +WHY\nn1 +mesos +open +2 +1.3\/4 +2\/8/,
  );
  t.match(text, /n2 +mesos +draining .* new disks \(root, from /);
  t.match(text, /n3 +mesos +set-aside .* 1.3\/\? .* jobs of several users failed there/);
  t.match(
    text,
    /n3 was set aside because of these ends:\nJOB +USER +AT +HOW\n +7 +bob .* exit code 1\n/,
  );

  const before = text.length;
  server.faults.push({ when, answer: { status: 200, body } });
  t.equal(await god('nodes', '--json'), EXIT.ok);
  t.same(JSON.parse(terminal.outText.slice(before)), body);
});

t.test('node drain and resume', async (t) => {
  const { server, terminal, god, lines } = await setUp(t);
  const answers = (node: object) =>
    server.faults.push({
      when: /PUT .*\/nodes\//,
      answer: { status: 200, body: { msg: '', node } },
    });
  answers(DRAINED);
  const order = ['node', 'drain', 'n1', '--reason', 'new disks'];
  t.equal(
    await god(...order, '--at', '2026-11-21T18:00:00Z', '--until', '+90d'),
    EXIT.ok,
    terminal.errText,
  );
  t.match(terminal.outText, /n1 +mesos +draining/);
  const [put] = lines(/PUT .*\/nodes\/n1\/drain/);
  const sent = JSON.parse(put?.body ?? '');
  t.match(sent, { reason: 'new disks', at: Date.UTC(2026, 10, 21, 18) / 1_000 });
  t.ok(Math.abs(sent.until - (Date.now() / 1_000 + 90 * 86_400)) < 600, 'from now on');
  answers(NODE);
  t.equal(await god('node', 'resume', 'n1', '--executor', 'mesos'), EXIT.ok);
  t.same(JSON.parse(lines(/PUT .*\/nodes\/n1\/resume/)[0]?.body ?? ''), { executor: 'mesos' });
});

t.test('what is wrong is said before anything is sent, or by the server', async (t) => {
  const { server, terminal, god, lines } = await setUp(t);
  t.equal(await god('node', 'drain', 'n1'), EXIT.usage);
  t.match(terminal.errText, /--reason/);
  for (const time of ['soon', '+soon', '18:00', '2026-99-99T00:00'])
    t.equal(await god('node', 'drain', 'n1', '--reason', 'x', '--at', time), EXIT.usage, time);
  t.match(terminal.errText, /--at "soon" is no time/);
  t.same(lines(/PUT/), []);
  const body = { code: 'forbidden', msg: 'only administrators drain and resume nodes' };
  server.faults.push({ when: /PUT/, answer: { status: 403, body } });
  t.equal(await god('node', 'resume', 'n1'), EXIT.notAllowed);
  t.match(terminal.errText, /only administrators/);
});
