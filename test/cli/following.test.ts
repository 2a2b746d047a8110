// What `god` does when the network is bad, and when it is interrupted.
import t, { type Test } from 'tap';
import { EXIT } from '../../src/cli/exit-codes.js';
import type { FakeTerminal } from './fake-terminal.js';
import { ran, setUp } from './set-up.js';

t.test('a bad network', async (t) => {
  t.test('an answer that is lost does not make two jobs', async (t) => {
    const { server, terminal, god, lines } = await setUp(t);
    server.faults.push({ when: /POST .*task\?/, answer: 'drop', isAfter: true });
    t.equal(await god('submit', '--', 'x'), 0);
    t.equal(terminal.outText, '1\n');
    t.equal(server.jobs.size, 1);
    const keys = lines(/POST .*task\?/).map(({ headers }) => headers['idempotency-key']);
    t.equal(keys.length, 2);
    t.equal(keys[0], keys[1]);
  });

  t.test('503 is tried again when the server says', async (t) => {
    const { server, terminal, god, lines } = await setUp(t);
    const answer = {
      status: 503,
      body: { code: 'store-unavailable', msg: 'database away' },
      headers: { 'retry-after': '0' },
    };
    server.faults.push({ when: /active/, answer }, { when: /active/, answer });
    t.equal(await god('list'), 0);
    t.equal(lines(/active/).length, 3);
    t.match(terminal.errText, /database away; trying again/);
  });

  t.test('503 for longer than anybody waits is told', async (t) => {
    const { server, terminal, god } = await setUp(t);
    server.faults.push({
      when: /active/,
      answer: { status: 503, body: { msg: 'maintenance' }, headers: { 'retry-after': '3600' } },
    });
    t.equal(await god('list'), EXIT.unreachable);
    t.match(terminal.errText, /god: maintenance\n$/);
  });

  t.test('following goes on after a restart of the service', async (t) => {
    const { server, terminal, god } = await setUp(t);
    server.plan = [...ran(0, 'abc')];
    server.faults.push({ when: /status/, answer: 'drop' }, { when: /god\.log/, answer: 'drop' });
    t.equal(await god('run', '--', 'x'), 0);
    t.equal(terminal.outText, 'abc');
    t.match(terminal.errText, /the job is not affected/);
    t.match(terminal.errText, /answers again/);
  });

  t.test('a token that ran out is renewed', async (t) => {
    const { server, terminal, god, lines } = await setUp(t);
    server.plan = [
      { primary: 'running', log: 'a' },
      { primary: 'running' },
      { primary: 'over', exitcode: 0 },
    ];
    terminal.onOutput = () => {
      server.token = 2;
    };
    t.equal(await god('run', '-q', '--', 'x'), 0);
    t.equal(lines(/authenticate/).length, 2);
  });

  t.test('a log that shows up late is waited for', async (t) => {
    const { server, terminal, god } = await setUp(t);
    server.plan = [
      { primary: 'running', log: 'late' },
      { primary: 'over', exitcode: 0 },
    ];
    const answer = { status: 404, body: { code: 'file-not-found', msg: 'none' } };
    for (let n = 0; n < 5; n++) server.faults.push({ when: /god\.log/, answer });
    t.equal(await god('run', '-q', '--', 'x'), 0);
    t.equal(terminal.outText, 'late');
  });

  t.test('no server there', async (t) => {
    const { server, terminal, god } = await setUp(t);
    await server.stop();
    t.equal(await god('submit', '--image', 'x', '--', 'true'), EXIT.unreachable);
    t.match(terminal.errText, /cannot reach http:.*ECONNREFUSED/);
  });

  t.test('something that is no GoDocker server', async (t) => {
    const { server, terminal, god } = await setUp(t);
    server.faults.push({ when: /authenticate/, answer: { status: 200, body: '<html>' } });
    t.equal(await god('list'), EXIT.protocol);
    t.match(terminal.errText, /does not answer as a GoDocker server/);
  });
});

t.test('a job that is launched again', async (t) => {
  const first = { launch: 1, node: 'n1', fault: 'job', exitcode: 75, reason: null, ram: 1 };
  const last = {
    launch: 3,
    node: 'n2',
    fault: 'system',
    exitcode: null,
    reason: 'lost',
    ram: null,
  };

  t.test('all that each launch wrote is shown, once, and why there is another', async (t) => {
    const { server, terminal, god } = await setUp(t);
    server.plan = [
      { primary: 'running', launches: 1, log: 'a long first try\n' },
      { primary: 'pending', launches: 1, log: 'its end\n', formerLaunches: [first] },
      { primary: 'pending', launches: 2, formerLaunches: [first] },
      { primary: 'running', launches: 3, log: 'third\n', formerLaunches: [first] },
      { primary: 'over', launches: 4, log: 'ok\n', exitcode: 0, formerLaunches: [first, last] },
    ];
    t.equal(await god('run', '--', 'x'), 0);
    t.equal(terminal.outText, 'a long first try\nits end\nthird\nok\n');
    t.match(terminal.errText, /job 1 is launched again after exit 75 \(n1, 1 GB\)/);
    t.match(terminal.errText, /job 1 is launched again after lost \(n2\)/);
  });

  t.test('two launches before the first look', async (t) => {
    const { server, terminal, god } = await setUp(t);
    const second = { ...first, launch: 2, exitcode: 101 };
    server.plan = [
      {
        primary: 'over',
        launches: 3,
        log: 'three\n',
        exitcode: 0,
        formerLaunches: [first, second],
        formerLogs: ['one\n', 'two\n'],
      },
    ];
    t.equal(await god('run', '--', 'x'), 0);
    t.equal(terminal.outText, 'one\ntwo\nthree\n');
    t.match(
      terminal.errText,
      /is launched again after exit 75 .*is launched again after exit 101 /s,
    );
  });

  t.test('two launches between two looks', async (t) => {
    const { server, terminal, god } = await setUp(t);
    const id = server.add([
      { primary: 'running', launches: 1, log: 'one\n' },
      { primary: 'over', launches: 3, log: 'three\n', exitcode: 0 },
    ]);
    t.equal(id, 1);
    server.jobs.get(1)?.files.set('god.log-2', Buffer.from('two\n'));
    t.equal(await god('logs', '-f', '1'), 0);
    t.equal(terminal.outText, 'one\ntwo\nthree\n');
  });

  t.test('to machines it is an event', async (t) => {
    const { server, terminal, god } = await setUp(t);
    server.plan = [
      { primary: 'running', launches: 1 },
      { primary: 'running', launches: 2, formerLaunches: [first] },
      { primary: 'over', launches: 2, log: 'ok', exitcode: 0, formerLaunches: [first] },
    ];
    t.equal(await god('run', '--json', '--', 'x'), 0);
    t.match(
      terminal.outText
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
      [
        { event: 'submitted' },
        { event: 'relaunched', id: 1, launches: 2, former: [{ launch: 1, exitCode: 75 }] },
        { event: 'output', text: 'ok' },
        { event: 'over' },
      ],
    );
  });

  t.test('its page says how often, why, and what it got', async (t) => {
    const { server, terminal, god } = await setUp(t);
    const asked = { requirements: { ram: 1, ram_granted: 2 } };
    server.add([{ primary: 'running', launches: 2, formerLaunches: [first] }], asked);
    server.advance(1);
    t.equal(await god('show', '1'), 0);
    t.match(terminal.outText, /Launches: +2 so far; 1: exit 75 \(n1, 1 GB\)/);
    t.match(terminal.outText, /Needs: +1 cpu, 2 GB \(asked: 1\)/);
  });
});

t.test('signals while a job is followed', async (t) => {
  /** Runs a job that goes on until it is killed; `act` is called at its first output. */
  async function interrupted(t: Test, act: (terminal: FakeTerminal) => void, canAsk = false) {
    const all = await setUp(t);
    all.terminal.canAsk = canAsk;
    all.server.plan = [{ primary: 'running', log: 'x' }];
    let isFirst = true;
    all.terminal.onOutput = () => {
      if (!isFirst || all.terminal.outText === '') return;
      isFirst = false;
      act(all.terminal);
    };
    const code = await all.god('run', '--', 'sleep', '1000');
    t.notOk(all.terminal.isListening, 'no listener is left behind');
    return { ...all, code, kills: all.lines(/DELETE/).length };
  }

  t.test(
    'where nobody can be asked, Ctrl-C and SIGTERM kill as they would a local command',
    async (t) => {
      for (const name of ['SIGINT', 'SIGTERM'] as const) {
        const { code, kills } = await interrupted(t, (terminal) => terminal.signal(name));
        t.same([code, kills], [EXIT.killed, 1], name);
      }
    },
  );

  t.test('Ctrl-C asks; yes, or Ctrl-C again, kills', async (t) => {
    for (const answer of ['y', null]) {
      const act = (terminal: FakeTerminal) => {
        terminal.answers.push(answer);
        terminal.signal('SIGINT');
      };
      const { code, kills, terminal } = await interrupted(t, act, true);
      t.same([code, kills], [EXIT.killed, 1]);
      t.match(terminal.questions[0], /Kill job 1\?/);
    }
  });

  t.test('Ctrl-C asks; the job may be let run', async (t) => {
    const act = (terminal: FakeTerminal) => {
      terminal.answers.push('d');
      terminal.signal('SIGINT');
    };
    const { code, kills, terminal } = await interrupted(t, act, true);
    t.same([code, kills], [EXIT.interrupted, 0]);
    t.match(terminal.errText, /job 1 goes on/);
  });

  t.test('Ctrl-C asks; Enter goes on', async (t) => {
    const act = (terminal: FakeTerminal) => {
      terminal.answers.push('', 'y');
      terminal.signal('SIGINT');
      setTimeout(() => terminal.signal('SIGINT'), 100);
    };
    const { code, terminal } = await interrupted(t, act, true);
    t.same([code, terminal.questions.length], [EXIT.killed, 2]);
  });

  t.test('a terminal that goes away leaves the job running', async (t) => {
    const { code, kills } = await interrupted(t, (terminal) => terminal.signal('SIGHUP'));
    t.same([code, kills], [EXIT.hangup, 0]);
  });

  t.test('a second signal leaves at once, and says so', async (t) => {
    const act = (terminal: FakeTerminal) => {
      terminal.signal('SIGTERM');
      terminal.signal('SIGTERM');
    };
    const { code, terminal } = await interrupted(t, act);
    t.equal(code, EXIT.terminated);
    t.match(terminal.errText, /left job 1 before it was over/);
  });
});
