import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { EXIT, exitCodePage, exitCodeTable } from '../../src/cli/exit-codes.js';
import { readRetryMemory, readRetryOn } from '../../src/cli/retries.js';
import {
  quoteWord,
  readPorts,
  readScript,
  scriptOf,
  submissionOf,
} from '../../src/cli/submission.js';
import { readJob, readRefusal } from '../../src/cli/wire.js';
import { exitCodeOf } from '../../src/cli/words.js';
import { readProjectFile } from '../support/project.js';
import { FakeTerminal } from './fake-terminal.js';

const WORDS = [
  'plain',
  '',
  ' ',
  "it's",
  '"',
  '$HOME',
  '`id`',
  'a b',
  'a\nb',
  '*',
  '~',
  '#x',
  '-n',
  'é',
  '\\',
  '!',
  'a=b',
  '{a,b}',
  "'''",
  ';',
  '&',
  '|',
  '<',
  '(',
  'if',
  'done',
  '\t',
];

t.test('a shell gets exactly the words that were typed', async (t) => {
  const line = `printf '%s\\0' ${WORDS.map(quoteWord).join(' ')}`;
  for (const shell of ['sh', 'bash']) {
    const seen = execFileSync(shell, ['-c', line]).toString().split('\0').slice(0, -1);
    t.same(seen, WORDS, shell);
  }
});

t.test('the code of a command is the code of its script', async (t) => {
  const script = scriptOf(['exit', '3']);
  t.equal(script.text, '#!/bin/sh\nexit 3\n');
  t.equal(scriptOf(['/usr/bin/env', 'true']).name, 'env');
  t.throws(() => scriptOf(['a\0b']), { name: 'Failure', exitCode: EXIT.usage });
});

t.test('a script file', async (t) => {
  const terminal = new FakeTerminal(t.testdir());
  const write = (name: string, data: string | Buffer) =>
    writeFileSync(join(terminal.home, name), data);
  write('good.sh', '#!/bin/bash\necho é\n');
  t.same(await readScript('good.sh', terminal), { text: '#!/bin/bash\necho é\n', name: 'good.sh' });
  terminal.input = Buffer.from('true');
  t.same(await readScript('-', terminal), { text: 'true', name: 'script' });
  const bad: Record<string, string | Buffer> = {
    'empty.sh': ' \n',
    binary: Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0]),
    'latin1.sh': Buffer.from([0xe9, 0x0a]),
    'windows.sh': '#!/bin/bash\r\necho\r\n',
    'huge.sh': Buffer.alloc(1024 * 1024 + 1, '#'),
  };
  for (const [name, data] of Object.entries(bad)) {
    write(name, data);
    await t.rejects(readScript(name, terminal), { name: 'Failure', exitCode: EXIT.usage }, name);
  }
  await t.rejects(readScript('absent.sh', terminal), {
    exitCode: EXIT.localFile,
    message: /no such file/,
  });
});

t.test('options become the historic document; defaults are left to the server', async (t) => {
  const script = { text: 'true', name: 'n' };
  t.same(submissionOf(script, undefined, {}), {
    meta: { name: 'n', description: '', tags: [] },
    requirements: { array: { values: null }, label: [], tasks: [] },
    container: { volumes: [], network: true, root: false },
    command: { interactive: false, cmd: 'true' },
  });
  const full = submissionOf(script, 'busybox', {
    cpu: 0.5,
    ram: 1.5,
    gpus: 1,
    volume: ['home', 'data:ro'],
    label: ['a==b'],
    name: 'x',
    description: 'd',
    tag: ['t'],
    project: 'p',
    ports: [80],
    network: 'user',
    lifespan: '12h',
    executor: 'mesos',
    retry: 2,
  });
  t.match(full, {
    user: { project: 'p' },
    meta: { name: 'x', description: 'd', tags: ['t'] },
    requirements: {
      cpu: 0.5,
      ram: 1.5,
      gpus: 1,
      label: ['a==b'],
      ports: [80],
      network: 'user',
      maxlifespan: '12h',
      executor: 'mesos',
      failure_policy: 2,
    },
    container: { image: 'busybox', volumes: [{ name: 'home' }, { name: 'data', acl: 'ro' }] },
  });
  for (const volume of ['', ':ro', 'a:x', 'a:ro:b'])
    t.throws(
      () => submissionOf(script, undefined, { volume: [volume] }),
      { name: 'Failure', exitCode: EXIT.usage },
      volume,
    );
});

t.test('rules of launching again', async (t) => {
  t.same(readRetryOn('75:2'), { exit_codes: [75], times: 2 });
  t.same(readRetryOn('75,100-110:3:30s'), { exit_codes: [75, '100-110'], times: 3, after: '30s' });
  for (const bad of [
    '',
    '75',
    '75:',
    '75:0',
    ':2',
    'x:2',
    '75:2:soon',
    '75:2:',
    '1-2-3:1',
    '75:2:1s:x',
  ])
    t.type(readRetryOn(bad), 'string', bad);
  t.same(readRetryMemory('2x:3'), { out_of_memory: true, times: 3, memory_factor: 2 });
  t.same(readRetryMemory('1.5x:3:64'), {
    out_of_memory: true,
    times: 3,
    memory_factor: 1.5,
    memory_max: 64,
  });
  for (const bad of ['', '2', '2:3', '1x:3', '0x:3', '2x:0', '2x', '2x:3:', '2x:3:a', '2x:3:64:1'])
    t.type(readRetryMemory(bad), 'string', bad);
  const both = submissionOf({ text: 'true', name: 'n' }, undefined, {
    retryOn: [{ exit_codes: [1], times: 1 }],
    retryMemory: { out_of_memory: true, times: 2 },
  });
  t.same(both.requirements.retry, [
    { exit_codes: [1], times: 1 },
    { out_of_memory: true, times: 2 },
  ]);
});

t.test('ports', async (t) => {
  t.same(readPorts('80,8080'), [80, 8080]);
  for (const bad of ['', 'x', '0', '65536', '1.5', '-1']) t.type(readPorts(bad), 'string', bad);
});

t.test('how a job ended becomes an exit code', async (t) => {
  const ended = (status: object) =>
    exitCodeOf(readJob({ id: 1, status: { primary: 'over', ...status } }));
  t.equal(ended({ secondary: '', exitcode: 0 }), 0);
  t.equal(ended({ secondary: '', exitcode: 42 }), 42);
  t.equal(ended({ secondary: 'killed', exitcode: 137 }), EXIT.killed);
  t.equal(ended({ secondary: 'quota reached', exitcode: null }), EXIT.noOutcome);
  t.equal(ended({ secondary: 'rejected by scheduler', exitcode: 1 }), EXIT.noOutcome);
  t.equal(ended({ secondary: '', exitcode: null }), EXIT.noOutcome);
});

t.test('states of the wire', async (t) => {
  const state = (status: object, container = {}) => readJob({ id: 1, status, container }).state;
  t.equal(state({ primary: 'pending', secondary: null }), 'pending');
  t.equal(state({ primary: 'pending', secondary: 'held' }), 'held');
  t.equal(state({ primary: 'pending', secondary: null }, { status: 'initializing' }), 'launching');
  t.equal(state({ primary: 'running', secondary: null }), 'running');
  t.equal(state({ primary: 'running', secondary: 'kill requested' }), 'killing');
  t.equal(state({ primary: 'running', secondary: 'unknown' }), 'unreachable');
  t.equal(state({ primary: 'running', secondary: 'suspended' }), 'suspended');
  t.equal(state({ primary: 'over', secondary: 'killed' }), 'over');
});

t.test('every refusal gives a sentence', async (t) => {
  t.same(readRefusal('{"code":"bad-field","msg":"too many","field":"requirements.cpu"}', 400), {
    code: 'bad-field',
    sentence: 'too many',
    field: 'requirements.cpu',
  });
  t.same(readRefusal('<html>', 502), {
    code: '',
    sentence: 'the server answered 502',
    field: null,
  });
  t.equal(readRefusal('{"error":"no"}', 400).sentence, 'no');
  t.equal(readRefusal('[]', 400).sentence, 'the server answered 400');
});

t.test('the table of exit codes names each once', async (t) => {
  for (const code of Object.values(EXIT))
    t.match(exitCodeTable(), new RegExp(`^ +${code}  \\S`, 'm'));
  t.equal(new Set(Object.values(EXIT)).size, Object.values(EXIT).length);
});

t.test('the page of exit codes is what the code says', async (t) => {
  t.equal(readProjectFile('docs/exit-codes.md'), exitCodePage());
});
