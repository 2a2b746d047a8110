/** Process tasks: exit codes, signals, grace, accounts, what a task sees of the node. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { instant } from '../../src/core/units.js';
import type { ContainerEvent, Launch } from '../../src/localmesos/containerizer.js';
import { type LocalNode, startLocalNode } from '../../src/localmesos/index.js';
import { bootId } from '../../src/localmesos/proc.js';
import { ProcessContainerizer } from '../../src/localmesos/process.js';
import { Supervisor, type SupervisorLine } from '../../src/localmesos/supervisor.js';
import { aTask, Driver } from './support/driver.js';

async function aNode(t: Test): Promise<{ node: LocalNode; driver: Driver; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'godocker-process-'));
  const stateDir = join(folder, 'state');
  const node = await startLocalNode({
    port: 0,
    containerizer: 'process',
    stateDir,
    credential: null,
    cpus: 64,
    memMb: 64_000,
  });
  const driver = new Driver({ url: node.url });
  await driver.subscribe();
  t.teardown(async () => {
    driver.cut();
    await node.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return { node, driver, folder };
}

test('a task ends with its own exit code', async (t) => {
  const { driver } = await aNode(t);
  const offer = await driver.anOffer();
  const agent = offer.agent_id.value;
  const answer = await driver.accept(
    [offer],
    [
      aTask('good', agent, 'true'),
      aTask('bad', agent, 'exit 7'),
      aTask('none', agent, '/no/such/program'),
    ],
  );
  t.equal(answer.status, 202);
  t.match(await driver.update('good', 'TASK_FINISHED'), {
    message: 'Command exited with status 0',
  });
  t.match(await driver.update('bad', 'TASK_FAILED'), { message: 'Command exited with status 7' });
  t.match(await driver.update('none', 'TASK_FAILED'), {
    message: 'Command exited with status 127',
  });
  t.same(driver.statesOf('good'), ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']);
  t.same(driver.statesOf('none'), ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FAILED']);
});

test('death by signal is told as such', async (t) => {
  const { driver } = await aNode(t);
  const offer = await driver.anOffer();
  await driver.accept([offer], [aTask('seg', offer.agent_id.value, 'kill -SEGV $$')]);
  const end = await driver.update('seg', 'TASK_FAILED');
  t.equal(end.message, 'Command terminated with signal Segmentation fault');
});

test('a kill ends the task and all it started', async (t) => {
  const { driver, folder } = await aNode(t);
  const offer = await driver.anOffer();
  const pids = join(folder, 'pids');
  const command = `sleep 1000 & echo $$ $! >${pids}; wait`;
  await driver.accept([offer], [aTask('long', offer.agent_id.value, command)]);
  await driver.update('long', 'TASK_RUNNING');
  const [shell = 0, child = 0] = await driver.until(() => numbersIn(pids), 'the pids');
  await driver.call({ type: 'KILL', kill: { task_id: { value: 'long' } } });
  const end = await driver.update('long', 'TASK_KILLED');
  t.equal(end.message, 'Command terminated with signal Terminated');
  t.ok(driver.statesOf('long').includes('TASK_KILLING'));
  t.notOk(isAlive(shell), 'the task is gone');
  t.notOk(isAlive(child), 'its child too');
});

test('a task that ignores SIGTERM gets SIGKILL after its grace, not before', async (t) => {
  const { driver, folder } = await aNode(t);
  const offer = await driver.anOffer();
  const isDeaf = join(folder, 'is-deaf');
  const command = `trap '' TERM; : >${isDeaf}; while :; do sleep 0.1; done`;
  await driver.accept([offer], [aTask('deaf', offer.agent_id.value, command)]);
  await driver.update('deaf', 'TASK_RUNNING');
  await driver.until(() => existsSync(isDeaf), 'it ignores the signal');
  const beganAt = Date.now();
  await driver.call({
    type: 'KILL',
    kill: {
      task_id: { value: 'deaf' },
      kill_policy: { grace_period: { nanoseconds: 700_000_000 } },
    },
  });
  const end = await driver.update('deaf', 'TASK_KILLED');
  const tookMs = Date.now() - beganAt;
  t.equal(end.message, 'Command terminated with signal Killed');
  t.ok(tookMs >= 650 && tookMs < 3_000, `after its grace of 700 ms: ${tookMs}`);
});

test('nothing of the node reaches a task', async (t) => {
  process.env.GODOCKER_TEST_SECRET = 'must not be seen';
  t.teardown(() => {
    delete process.env.GODOCKER_TEST_SECRET;
  });
  const { driver, folder } = await aNode(t);
  const offer = await driver.anOffer();
  const out = join(folder, 'out');
  const command = {
    value: `{ env; ls -l /proc/self/fd; grep -E 'Sig(Ign|Cgt)' /proc/self/status; } >${out}`,
    environment: {
      variables: [{ name: 'MINE', value: "it's\nmine" }],
    },
  };
  await driver.accept([offer], [aTask('env', offer.agent_id.value, '', { command })]);
  await driver.update('env', 'TASK_FINISHED');
  const seen = readFileSync(out, 'utf8');
  t.notMatch(seen, 'GODOCKER_TEST_SECRET');
  t.match(seen, "MINE=it's\nmine");
  t.notMatch(seen, 'socket:', 'no connection of the supervisor is open');
  t.match(seen, /SigIgn:\s+0+\n/, 'no signal is ignored');
});

test('without a shell the program gets its arguments and any name in its environment', async (t) => {
  const { driver, folder } = await aNode(t);
  const offer = await driver.anOffer();
  const out = join(folder, 'out');
  const script = 'open(OUT, ">", $ARGV[0]); print OUT "$ENV{q(odd.name)} $ARGV[1]"';
  const command = {
    shell: false,
    value: 'perl',
    arguments: ['perl', '-e', script, out, '$HOME "quoted"'],
    environment: { variables: [{ name: 'odd.name', value: 'a=b' }] },
  };
  await driver.accept([offer], [aTask('argv', offer.agent_id.value, '', { command })]);
  await driver.update('argv', 'TASK_FINISHED');
  t.equal(readFileSync(out, 'utf8'), 'a=b $HOME "quoted"');
});

test('max_completion_time ends a task as failed', async (t) => {
  const { driver } = await aNode(t);
  const offer = await driver.anOffer();
  const more = { max_completion_time: { nanoseconds: 300_000_000 } };
  await driver.accept([offer], [aTask('slow', offer.agent_id.value, 'sleep 100', more)]);
  const end = await driver.update('slow', 'TASK_FAILED');
  t.equal(end.reason, 'REASON_MAX_COMPLETION_TIME_REACHED');
  t.equal(end.message, 'Command terminated with signal Terminated');
});

test('an unknown account is refused', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async (t) => {
  const { driver } = await aNode(t);
  const offer = await driver.anOffer();
  const command = { value: 'true', user: 'no-such-user' };
  await driver.accept([offer], [aTask('baduser', offer.agent_id.value, '', { command })]);
  const end = await driver.update('baduser', 'TASK_DROPPED');
  t.equal(end.reason, 'REASON_EXECUTOR_TERMINATED');
  t.match(end.message, "No such user 'no-such-user'");
});

test('labels say whose account it is', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async (t) => {
  const { driver } = await aNode(t);
  const offer = await driver.anOffer();
  const labels = [
    { key: 'godocker.uid', value: '65534' },
    { key: 'godocker.gid', value: '65533' },
    { key: 'godocker.sgids', value: '65532,65531' },
  ];
  const command =
    'test "$(id -u) $(id -g) $(id -G)" = "65534 65533 65533 65531 65532" && touch mine';
  await driver.accept(
    [offer],
    [aTask('who', offer.agent_id.value, command, { labels: { labels } })],
  );
  const end = await driver.until(
    () => driver.updates.find(({ state }) => state === 'TASK_FINISHED' || state === 'TASK_FAILED'),
    'the end',
  );
  t.equal(end.message, 'Command exited with status 0');
});

test('a thousand tasks take seconds', async (t) => {
  const { driver } = await aNode(t);
  const count = 1_000;
  const offer = await driver.anOffer();
  const agent = offer.agent_id.value;
  const tasks = Array.from({ length: count }, (_, n) =>
    aTask(`m${n}`, agent, 'true', { cpus: 0.05 }),
  );
  const beganAt = Date.now();
  const cpu = process.cpuUsage();
  await driver.accept([offer], tasks);
  const over = () =>
    driver.updates.filter(({ state }) => state === 'TASK_FINISHED').length >= count;
  await driver.until(over, 'all ends', 60_000);
  const { user, system } = process.cpuUsage(cpu);
  const tookMs = Date.now() - beganAt;
  t.comment(
    `${count} tasks in ${tookMs} ms, ${((user + system) / 1_000 / count).toFixed(2)} ms cpu each here`,
  );
  t.ok(tookMs < 30_000);
});

test('a line that the shell has is obeyed even when the node dies at that moment', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'godocker-supervisor-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const supervisor = new Supervisor(folder, { line: () => {}, gone: () => {} }, PORTS.timers);
  mkdirSync(join(folder, 'one'));
  writeFileSync(join(folder, 'one.run'), 'echo ran >out; kill -PIPE $$; exit 5');
  supervisor.launch({ id: 'one', hasSandbox: true, account: null });
  // The pipes are closed before the shell has read a word.
  supervisor.close();
  const life = await until(() => linesIn(join(folder, 'one.life'))[1]);
  t.equal(readFileSync(join(folder, 'one', 'out'), 'utf8'), 'ran\n');
  t.equal(life, '141', 'and SIGPIPE works in the task, though the shell ignores it');
});

test('a task that a former life recorded but never began is lost, and can never begin', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'godocker-supervisor-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const containerizer = new ProcessContainerizer({ folder, jobUser: null, log: SILENT, ...PORTS });
  t.teardown(() => containerizer.stop());
  const events: ContainerEvent[] = [];
  await containerizer.start((event) => events.push(event));
  const launch = (containerId: string, boot: string): Launch => ({
    containerId,
    frameworkId: 'f',
    agentId: 'a',
    info: aTask(containerId, 'a', 'true'),
    memMb: 0,
    cpuMilli: 100,
    bootId: boot,
  });
  mkdirSync(join(folder, 'late'));
  writeFileSync(join(folder, 'late.run'), 'echo ran >out');
  writeFileSync(join(folder, 'rebooted.life'), '1 1\n');
  await containerizer.recover([launch('late', bootId()), launch('rebooted', 'another boot')]);
  t.match(events, [
    { kind: 'ended', containerId: 'late', end: { kind: 'lost' } },
    { kind: 'ended', containerId: 'rebooted', end: { kind: 'lost' } },
  ]);
  const told: SupervisorLine[] = [];
  const listener = { line: (line: SupervisorLine) => told.push(line), gone: () => {} };
  const supervisor = new Supervisor(folder, listener, PORTS.timers);
  t.teardown(() => supervisor.close());
  supervisor.launch({ id: 'late', hasSandbox: true, account: null });
  await until(() => told[0]);
  t.same(told, [{ kind: 'ended', id: 'late', code: 125 }], 'the supervisor finds it given up');
  t.notOk(existsSync(join(folder, 'late', 'out')));
});

test('when supervising shells are killed, their tasks are lost once they have ended, and others take their place', async (t) => {
  const { driver, folder } = await aNode(t);
  const offer = await driver.anOffer();
  const agent = offer.agent_id.value;
  const mark = join(folder, 'mark');
  await driver.accept([offer], [aTask('before', agent, `sleep 1; echo ended >${mark}; exit 4`)]);
  await driver.update('before', 'TASK_RUNNING');
  const shells = supervisingShells(join(folder, 'state', 'tasks'));
  t.ok(shells.length > 1, 'the one of the task, and others that wait');
  for (const shell of shells) process.kill(shell, 'SIGKILL');
  await until(() => !shells.some(isAlive));
  await driver.accept([await driver.anOffer()], [aTask('later', agent, 'exit 6')]);
  t.match(await driver.update('later', 'TASK_FAILED'), { message: 'Command exited with status 6' });
  t.notOk(existsSync(mark), 'meanwhile the other one runs on');
  const end = await driver.update('before', 'TASK_FAILED');
  t.equal(end.reason, 'REASON_EXECUTOR_TERMINATED');
  t.ok(existsSync(mark), 'it was left to end by itself');
});

const PORTS = {
  clock: { now: () => instant(Date.now()), monotonicMs: () => performance.now() },
  timers: {
    after: (delayMs: number, call: () => void) => {
      const timer = setTimeout(call, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
    soon: (call: () => void) => {
      setImmediate(call);
    },
  },
};

/** The children of this process that work in `folder`. */
function supervisingShells(folder: string): number[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .map(Number)
    .filter((pid) => folderOf(pid) === folder);
}

/** Undefined for a process that is just ending. */
function folderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

async function until<T>(found: () => T | undefined | false): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const value = found();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error('waited 10 s in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function linesIn(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
}

function numbersIn(path: string): number[] | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return text.endsWith('\n') ? text.trim().split(' ').map(Number) : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
