// Whole command lines of `god` against a server that speaks the documented shapes.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { EXIT } from '../../src/cli/exit-codes.js';
import { FAKE_KEY } from './fake-server.js';
import { ran, setUp } from './set-up.js';

t.test('run', async (t) => {
  t.test('submits a command, shows both outputs apart, exits with its code', async (t) => {
    const { server, terminal, god, lines } = await setUp(t);
    server.plan = [...ran(3, 'to out\n', 'to err\n')];
    t.equal(await god('run', '--cpu', '2', '--ram', '0.5', '--', 'echo', 'a b', '--cpu'), 3);
    t.equal(terminal.outText, 'to out\n');
    t.match(terminal.errText, /to err\n/);
    t.match(terminal.errText, /god: job 1 submitted\n/);
    t.match(terminal.errText, /god: job 1: exit 3 after 2.5s/);
    const [post] = lines(/POST .*task\?/);
    t.match(post?.line, /strict=1/);
    t.match(JSON.parse(post?.body ?? ''), {
      meta: { name: 'echo' },
      requirements: { cpu: 2, ram: 0.5 },
      command: { cmd: "#!/bin/sh\necho 'a b' --cpu\n" },
    });
  });

  t.test('shows what is appended until the last byte, and each byte once', async (t) => {
    for (const hasRanges of [true, false]) {
      const { server, terminal, god } = await setUp(t);
      server.hasRanges = hasRanges;
      const pieces = Array.from({ length: 8 }, (_, at) => `${at}é`.repeat(at + 1));
      server.plan = [
        ...pieces.map((log) => ({ primary: 'running' as const, log })),
        { primary: 'over', exitcode: 0, log: 'last words' },
      ];
      t.equal(await god('run', '-q', '--', 'x'), 0);
      t.equal(terminal.outText, `${pieces.join('')}last words`, `ranges: ${hasRanges}`);
      t.equal(terminal.errText, '');
    }
  });

  t.test('bytes reach a pipe as they are, a terminal without what harms it', async (t) => {
    const raw = Buffer.from([0x1b, 0x5d, 0x30, 0x3b, 0x78, 0x07, 0xff, 0x00, 0x41]);
    for (const columns of [null, 80]) {
      const { server, terminal, god } = await setUp(t);
      terminal.columns = columns;
      server.plan = [
        { primary: 'running', log: raw },
        { primary: 'over', exitcode: 0 },
      ];
      t.equal(await god('run', '-q', '--', 'x'), 0);
      t.same(terminal.outBytes, columns === null ? raw : Buffer.from('\ufffdA'));
    }
  });

  t.test('a script file, its options, and what the server warns of', async (t) => {
    const { server, terminal, god, lines } = await setUp(t);
    server.warnings = ['the image is not used here', { msg: 'the image is not used here' }];
    writeFileSync(join(terminal.directory, 'job.sh'), '#!/bin/bash\necho\n');
    const options = '--image x --volume home:ro --volume data --label a==b --tag t1 --tag t2';
    t.equal(await god('run', ...options.split(' '), '--ports', '80,81', 'job.sh'), 0);
    t.match(JSON.parse(lines(/POST .*task\?/)[0]?.body ?? ''), {
      meta: { name: 'job.sh', tags: ['t1', 't2'] },
      requirements: { label: ['a==b'], ports: [80, 81] },
      container: { image: 'x', volumes: [{ name: 'home', acl: 'ro' }, { name: 'data' }] },
      command: { cmd: '#!/bin/bash\necho\n' },
    });
    t.equal(terminal.errText.match(/not used here/g)?.length, 1, 'told once');
  });

  t.test('codes of jobs that did not end by themselves', async (t) => {
    const cases = [
      [{ secondary: 'killed', exitcode: 137 }, EXIT.killed, /job 1: killed/],
      [{ secondary: 'quota reached', reason: 'quota of ada' }, EXIT.noOutcome, /quota of ada/],
      [{ secondary: 'rejected by scheduler', exitcode: 1 }, EXIT.noOutcome, /gave up/],
    ] as const;
    for (const [end, code, said] of cases) {
      const { server, terminal, god } = await setUp(t);
      server.plan = [{ primary: 'over', ...end }];
      t.equal(await god('run', '--', 'x'), code);
      t.match(terminal.errText, said);
    }
  });

  t.test('prints one JSON document a line', async (t) => {
    const { server, terminal, god } = await setUp(t);
    server.plan = [...ran(1, 'é', 'no')];
    t.equal(await god('run', '--json', '--', 'x'), 1);
    const events = terminal.outText
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    t.same(
      new Set(events),
      new Set([
        { event: 'submitted', id: 1, warnings: [] },
        { event: 'output', stream: 'stdout', text: 'é' },
        { event: 'output', stream: 'stderr', text: 'no' },
        {
          event: 'over',
          id: 1,
          outcome: 'exited',
          exitCode: 1,
          reason: null,
          startedAt: 1700000001000,
          endedAt: 1700000003500,
        },
      ]),
    );
  });

  t.test('wrong command lines reach no server', async (t) => {
    const { server, god } = await setUp(t);
    const wrong = [
      ['run'],
      ['run', '--'],
      ['run', 'a.sh', 'b.sh'],
      ['run', 'a.sh', '--', 'b'],
      ['run', '--cpu', '0', '--', 'x'],
      ['run', '--gpus', '1.5', '--', 'x'],
      ['run', '--ports', '0', '--', 'x'],
      ['run', '--volume', 'a:b:c', '--', 'x'],
      ['run', '--frob', '--', 'x'],
      ['kill'],
      ['show', 'x'],
      ['show', '0'],
      ['list', '--state', 'odd'],
      ['frob'],
    ];
    for (const words of wrong) t.equal(await god(...words), EXIT.usage, words.join(' '));
    t.equal(await god('run', 'absent.sh'), EXIT.localFile);
    t.same(
      server.requests.filter(({ line }) => /POST .*task\?/.test(line)),
      [],
    );
  });
});

t.test('refusals name the field and have their codes', async (t) => {
  const { server, terminal, god } = await setUp(t);
  const refuse = (status: number, body: object) =>
    server.faults.push({ when: /POST .*task\?/, answer: { status, body } });
  refuse(400, { code: 'bad-field', msg: 'must be positive', field: 'requirements.cpu' });
  t.equal(await god('submit', '--', 'x'), EXIT.refused);
  t.match(terminal.errText, /god: requirements.cpu: must be positive\n/);
  refuse(403, { code: 'quota-exceeded', msg: 'no more' });
  t.equal(await god('submit', '--', 'x'), EXIT.notAllowed);
  refuse(429, { code: 'rate-limited', msg: 'slowly' });
  t.equal(await god('submit', '--', 'x'), EXIT.tryLater);
  t.equal(await god('show', '99'), EXIT.notFound);
  t.equal(await god('logs', '99'), EXIT.notFound);
  terminal.env.GOD_APIKEY = 'wrong';
  t.equal(await god('list'), EXIT.notAllowed);
  t.match(terminal.errText, /refuses the login of ada/);
});

t.test('list', async (t) => {
  const { server, terminal, god, lines, url } = await setUp(t);
  server.add([{ primary: 'running' }], { meta: { name: 'first', description: '', tags: [] } });
  server.add([{ primary: 'over', exitcode: 2, reason: 'out of memory' }]);
  server.add([]);
  for (const id of [1, 2]) server.advance(id);
  const listed = async (...words: string[]) => {
    const before = terminal.outText.length;
    t.equal(await god('list', ...words), 0);
    return terminal.outText.slice(before);
  };
  const ids = async (...words: string[]) =>
    JSON.parse(await listed('--json', ...words)).map((doc: { id: number }) => doc.id);
  t.same(await ids(), [1, 3]);
  t.same(await ids('--over'), [2]);
  t.same(await ids('-a'), [1, 3, 2]);
  t.same(await ids('--state', 'running'), [1]);
  t.same(await ids('-a', '--state', 'failed'), [2]);
  const text = await listed('-a');
  t.match(text, /^ID +NAME +STATE +CPU +GB +SUBMITTED +TIME +NODE +OUTCOME\n 1 +first +running/m);
  t.match(text, /^ 2 .*exit 2: out of memory$/m);
  const tagged = { name: 'tagged', description: '', tags: ['galaxy'] };
  server.add([{ primary: 'over', exitcode: 0 }], { meta: tagged });
  server.add([{ primary: 'running' }], { meta: tagged });
  for (const id of [4, 5]) server.advance(id);
  t.same(await ids('--over', '-n', '1'), [2]);
  t.same(await ids('--over', '-n', '9'), [2, 4]);
  t.same(await ids('-a', '--tag', 'galaxy'), [5, 4]);
  t.same(await ids('--tag', 'galaxy'), [5], 'of those that wait or run, too');
  t.same(await ids('-a', '--project', 'nobody'), []);
  t.same(await ids('-a', '--since', '0s'), [], 'all are older');
  await listed('--over', '--since', '2026-11-20', '--until', '2026-11-21T18:00Z');
  const { searchParams } = new URL(
    lines(/GET .*tasks/)
      .at(-1)
      ?.line.split(' ')[1] ?? '',
    url,
  );
  t.equal(Number(searchParams.get('from')) * 1_000, new Date(2026, 10, 20).getTime());
  t.equal(Number(searchParams.get('to')) * 1_000, Date.UTC(2026, 10, 21, 18));
  t.equal(await god('list', '--since', 'yesterday'), EXIT.usage);
  t.match(terminal.errText, /--since "yesterday" is no time: write 2026-11-21/);
  terminal.columns = 60;
  for (const line of (await listed('-a')).split('\n')) t.ok(line.length <= 100, line);
  t.equal(await listed('--state', 'held'), '');
  t.match(terminal.errText, /no jobs/);
});

t.test('show', async (t) => {
  const { server, terminal, god } = await setUp(t);
  server.add([{ primary: 'running' }]);
  server.advance(1);
  t.equal(await god('show', '1'), 0);
  t.match(terminal.outText, /^Job: +1 {2}made up$/m);
  t.match(terminal.outText, /^State: +running$/m);
  t.match(terminal.outText, /^Node: +node-1$/m);
  const before = terminal.outText.length;
  t.equal(await god('show', '1', '--script'), 0);
  t.equal(terminal.outText.slice(before), '#!/bin/sh\ntrue\n');
});

t.test('logs', async (t) => {
  const { server, terminal, god } = await setUp(t);
  server.add([
    { primary: 'running', log: 'one\n', err: 'bad\n' },
    { primary: 'over', exitcode: 9, log: 'two\n' },
  ]);
  t.equal(await god('logs', '1'), 0);
  t.match(terminal.errText, /no god.log yet/);
  server.advance(1);
  t.equal(await god('logs', '1', '--err'), 0);
  t.equal(terminal.outText, 'bad\n');
  t.equal(await god('logs', '-f', '1'), 0, 'a job that failed is no failure of showing its log');
  t.equal(terminal.outText, 'bad\none\ntwo\n');
});

t.test('files and get', async (t) => {
  const { server, terminal, god } = await setUp(t);
  const whole = Buffer.alloc(300_000, 'abcdefg');
  server.add([{ primary: 'running', log: whole }]);
  server.advance(1);
  t.equal(await god('files', '1'), 0);
  t.match(terminal.outText, /^300 kB {2}god.log$/m);
  t.match(terminal.outText, /^ +- {2}results\/$/m);
  t.equal(await god('files', '1', 'god.log'), EXIT.refused);
  t.equal(await god('get', '1', ''), EXIT.usage, 'no file');
  t.equal(await god('get', '1', 'absent'), EXIT.notFound);
  mkdirSync(join(terminal.directory, 'into'));
  for (const [target, file] of [
    ['into', 'into/god.log'],
    ['mine', 'mine'],
  ] as const) {
    t.equal(await god('get', '1', 'god.log', target), 0);
    t.same(readFileSync(join(terminal.directory, file)), whole);
  }
  t.equal(await god('get', '1', 'god.log', 'no/such/folder'), EXIT.localFile);
  t.same(readdirSync(terminal.directory).sort(), ['into', 'mine'], 'no half files');
  const before = terminal.outBytes.length;
  t.equal(await god('get', '1', 'god.log', '-'), 0);
  t.same(terminal.outBytes.subarray(before), whole);
});

t.test('kill goes on after a refusal and exits with its code', async (t) => {
  const { server, terminal, god, lines } = await setUp(t);
  server.add([{ primary: 'over', exitcode: 0 }]);
  server.advance(1);
  server.add([]);
  t.equal(await god('kill', '1', '9', '2'), EXIT.refused);
  t.equal(lines(/DELETE/).length, 3);
  t.match(
    terminal.errText,
    /job 1: job 1 is over\n.*job 9: there is no job 9\n.*job 2: Kill requested/s,
  );
});

t.test('wait', async (t) => {
  const { server, terminal, god } = await setUp(t);
  server.add([...ran(0)]);
  server.add([...ran(7)]);
  server.add([...ran(8)]);
  server.add([]);
  t.equal(await god('wait', '1', '2', '3', '--json'), 7);
  t.match(JSON.parse(terminal.outText), [
    { id: 1, exitCode: 0 },
    { id: 2, exitCode: 7 },
    { exitCode: 8 },
  ]);
  t.equal(await god('wait', '4', '--timeout', '0.05'), EXIT.timeout);
});

t.test('login keeps what later commands need, and no password', async (t) => {
  const { url, terminal, god } = await setUp(t);
  for (const key of Object.keys(terminal.env)) terminal.env[key] = undefined;
  const file = join(terminal.home, '.config/godocker/credentials.json');
  t.equal(
    await god('login', '--server', url, '--user', 'ada', '--apikey', 'wrong'),
    EXIT.notAllowed,
  );
  t.notOk(existsSync(file));
  terminal.input = Buffer.from(`${FAKE_KEY}\n`);
  t.equal(await god('login', '--server', `${url}/app/`, '--user', 'ada', '--apikey', '-'), 0);
  t.same(JSON.parse(readFileSync(file, 'utf8')), { server: url, user: 'ada', apikey: FAKE_KEY });
  t.equal(await god('list'), 0);
  t.equal(await god('login', '--server', url), EXIT.usage, 'nobody to ask');
  terminal.canAsk = true;
  terminal.answers.push('ada', '', 'secret');
  t.equal(await god('login', '--server', url), 0);
  t.notMatch(readFileSync(file, 'utf8'), /secret/);
  t.equal(await god('list'), 0, 'with the token of the session');
  t.equal(await god('logout'), 0);
  t.equal(await god('list'), EXIT.notAllowed);
});

t.test(
  'a login with a password makes a key of its own, which the next one and logout revoke',
  async (t) => {
    const { server, url, terminal, god } = await setUp(t);
    for (const key of Object.keys(terminal.env)) terminal.env[key] = undefined;
    const file = join(terminal.home, '.config/godocker/credentials.json');
    const keys = / .*\/user\/ada\/keys/;
    const logIn = async (id: string): Promise<void> => {
      const taken = {
        status: 409,
        body: { code: 'name-taken', msg: 'there is a key of that name' },
      };
      const made = { status: 200, body: { id, name: 'god@here-2', apikey: FAKE_KEY } };
      server.faults.push(
        { when: /^POST .*\/keys/, answer: taken },
        { when: /^POST .*\/keys/, answer: made },
      );
      terminal.canAsk = true;
      terminal.answers.push('ada', '', 'secret');
      t.equal(await god('login', '--server', url), 0);
    };
    const asked = () =>
      server.requests.filter(({ line }) => keys.test(line)).map(({ line }) => line);
    await logIn('k1');
    const names = server.requests.flatMap(({ line, body }) =>
      /^POST .*keys/.test(line) ? [JSON.parse(body)] : [],
    );
    t.match(names, [{ name: /^god@/, expires_in: '90d' }, { name: /^god@.*-2$/ }]);
    t.same(JSON.parse(readFileSync(file, 'utf8')), {
      ...{ server: url, user: 'ada', apikey: FAKE_KEY, key_id: 'k1' },
    });
    t.equal(statSync(file).mode & 0o777, 0o600);
    t.notMatch(asked().join(), /DELETE/);
    server.faults.push({
      when: /^DELETE .*\/keys\/k1$/,
      answer: { status: 200, body: { msg: '' } },
    });
    await logIn('k2');
    t.match(asked().at(-1), /DELETE .*\/keys\/k1$/, 'the former key is of no more use');
    server.faults.push({ when: /^DELETE .*\/keys\/k2$/, answer: 'drop' });
    t.equal(await god('logout'), 0, 'also when it cannot be told');
    t.match(terminal.errText, /the key of the former login may still be valid/);
    t.notOk(existsSync(file));
  },
);

t.test('help and the table of exit codes go to standard output', async (t) => {
  const { terminal, god } = await setUp(t);
  for (const words of [['--help'], ['help', 'run'], ['exit-codes']]) {
    const before = terminal.outText.length;
    t.equal(await god(...words), 0);
    t.ok(terminal.outText.length > before + 200, words.join(' '));
  }
  t.equal(terminal.errText, '');
});
