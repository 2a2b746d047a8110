/** Docker tasks: real containers, their true ends, and a node that dies while they run. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { startLocalNode } from '../../src/localmesos/index.js';
import type { ContainerInfo, TaskInfo } from '../../src/mesos/messages.js';
import { noDocker, startDocker } from './support/docker-daemon.js';
import { aTask, Driver } from './support/driver.js';
import { spawnNode } from './support/node-process.js';

const inBusybox = (more: Partial<ContainerInfo['docker']> = {}): ContainerInfo => ({
  type: 'DOCKER',
  docker: { image: 'busybox:local', network: 'NONE', ...more },
});

test('the local node with a Docker daemon', { skip: noDocker(), timeout: 240_000 }, async (t) => {
  const daemon = await startDocker();
  t.teardown(() => daemon.stop());
  const isThere = (taskId: string) =>
    daemon.docker('ps', '-aq', '--filter', `label=godocker.task=${taskId}`).trim() !== '';

  async function aNode(t: Test): Promise<{ driver: Driver; folder: string }> {
    const folder = mkdtempSync(join(tmpdir(), 'godocker-docker-'));
    mkdirSync(join(folder, 'granted'));
    const node = await startLocalNode({
      port: 0,
      containerizer: 'auto',
      dockerSocket: daemon.socket,
      stateDir: join(folder, 'state'),
      allowMounts: [join(folder, 'granted')],
      credential: null,
      cpus: 8,
      memMb: 8_000,
    });
    t.equal(node.containerizer, 'docker', 'auto takes Docker when it answers');
    const driver = new Driver({ url: node.url });
    await driver.subscribe();
    t.teardown(async () => {
      driver.cut();
      await node.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    return { driver, folder };
  }

  /** Launches each on the next offer. */
  async function launch(driver: Driver, ...tasks: ((agentId: string) => TaskInfo)[]) {
    const offer = await driver.anOffer();
    await driver.accept(
      [offer],
      tasks.map((make) => make(offer.agent_id.value)),
    );
  }
  const run =
    (id: string, command: string, container = inBusybox(), more: Partial<TaskInfo> = {}) =>
    (agentId: string) =>
      aTask(id, agentId, command, { container, ...more });

  t.setTimeout(240_000);
  await t.test('exit codes, states and the inspection', async (t) => {
    const { driver } = await aNode(t);
    await launch(
      driver,
      run('good', 'true'),
      run('bad', 'exit 3'),
      run('none', '', inBusybox(), {
        command: { shell: false, value: '/no/such/program' },
      }),
    );
    t.match(await driver.update('good', 'TASK_FINISHED', 30_000), {
      message: 'Container exited with status 0',
    });
    t.match(await driver.update('bad', 'TASK_FAILED', 30_000), {
      message: 'Container exited with status 3',
    });
    t.match(await driver.update('none', 'TASK_FAILED', 30_000), {
      message: 'Container exited with status 127',
    });
    t.same(driver.statesOf('good'), ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']);
    const running = await driver.update('good', 'TASK_RUNNING');
    const [inspection] = JSON.parse(Buffer.from(running.data ?? '', 'base64').toString());
    t.match(inspection.Name, /^\/godocker-/);
    t.equal(inspection.HostConfig.Memory, 32 * 2 ** 20);
    t.equal(inspection.HostConfig.CpuShares, 102);
    t.same(inspection.HostConfig.CapDrop, ['ALL']);
    t.same(inspection.HostConfig.SecurityOpt, ['no-new-privileges']);
    await driver.until(() => !isThere('good'), 'containers removed after acknowledgement');
  });

  await t.test('account, environment and volumes', async (t) => {
    const { driver, folder } = await aNode(t);
    const granted = join(folder, 'granted');
    writeFileSync(join(granted, 'in'), 'hello');
    const container: ContainerInfo = {
      ...inBusybox({
        parameters: [
          { key: 'user', value: '65534:65533' },
          { key: 'group-add', value: '777' },
          { key: 'env', value: 'TWO=2' },
        ],
      }),
      volumes: [{ container_path: '/ro', host_path: granted, mode: 'RO' }],
    };
    const command = {
      value:
        'test "$(id -u):$(id -g) $(id -G) $ONE$TWO $(cat /ro/in)" = "65534:65533 65533 777 12 hello" && ! touch /ro/x',
      environment: { variables: [{ name: 'ONE', value: '1' }] },
    };
    await launch(driver, run('who', '', container, { command }));
    const end = await driver.until(
      () => driver.updates.find(({ message }) => message !== undefined),
      'an end',
      30_000,
    );
    t.equal(end.message, 'Container exited with status 0');
  });

  await t.test('what is not granted is refused', async (t) => {
    const { driver } = await aNode(t);
    const mount = { volumes: [{ container_path: '/x', host_path: '/etc', mode: 'RW' as const }] };
    await launch(
      driver,
      run('priv', 'true', inBusybox({ privileged: true })),
      run('etc', 'true', { ...inBusybox(), ...mount }),
      run('cap', 'true', inBusybox({ parameters: [{ key: 'cap-add', value: 'ALL' }] })),
      run('image', 'true', inBusybox({ image: '127.0.0.1:1/no-such-image:1' })),
      run('plain', 'true', { type: 'MESOS' }),
    );
    for (const [id, because] of [
      ['priv', 'privileged containers are not allowed'],
      ['etc', "host path '/etc' is not among the folders that may be mounted"],
      ['cap', "Docker parameter 'cap-add' is not allowed"],
      ['image', 'connection refused'],
      ['plain', 'the task names no image'],
    ] as const) {
      const end = await driver.update(id, 'TASK_FAILED', 60_000);
      t.equal(end.reason, 'REASON_CONTAINER_LAUNCH_FAILED', id);
      t.match(end.message, because);
      t.same(driver.statesOf(id), ['TASK_FAILED'], `${id} never started`);
    }
  });

  await t.test('kill: SIGTERM first, SIGKILL after the grace; too much memory', async (t) => {
    const { driver, folder } = await aNode(t);
    const marks = join(folder, 'granted');
    const marking: ContainerInfo = {
      ...inBusybox({ parameters: [{ key: 'user', value: '0:0' }] }),
      volumes: [{ container_path: '/marks', host_path: marks, mode: 'RW' }],
    };
    await launch(
      driver,
      run('polite', "trap 'exit 9' TERM; : >/marks/polite; while :; do sleep 0.1; done", marking),
      run('deaf', "trap '' TERM; : >/marks/deaf; while :; do sleep 0.1; done", marking),
      run('fat', 'tail /dev/zero'),
    );
    for (const id of ['polite', 'deaf']) {
      await driver.update(id, 'TASK_RUNNING', 30_000);
      await driver.until(() => existsSync(join(marks, id)), `${id} has set its trap`, 30_000);
    }
    const kill_policy = { grace_period: { nanoseconds: 1_000_000_000 } };
    for (const value of ['polite', 'deaf']) {
      await driver.call({ type: 'KILL', kill: { task_id: { value }, kill_policy } });
    }
    t.match(await driver.update('polite', 'TASK_KILLED', 30_000), {
      message: 'Container exited with status 9',
    });
    t.match(await driver.update('deaf', 'TASK_KILLED', 30_000), {
      message: 'Container exited with status 137',
    });
    const fat = await driver.update('fat', 'TASK_FAILED', 30_000);
    t.match(fat.message, 'Container exited with status 137');
    t.equal(fat.reason, 'REASON_CONTAINER_LIMITATION_MEMORY');
  });

  await t.test('max_completion_time: SIGTERM, then a failure that says why', async (t) => {
    const { driver } = await aNode(t);
    const more = { max_completion_time: { nanoseconds: 2_000_000_000 } };
    // Set well before that, or the signal would pass it by.
    const image = { type: 'DOCKER', docker: { name: 'busybox:local' } } as const;
    const wait = "trap 'exit 9' TERM; while :; do sleep 0.1; done";
    await launch(
      driver,
      run('docker', wait, inBusybox(), more),
      run('unified', wait, { type: 'MESOS', mesos: { image } }, more),
    );
    for (const id of ['docker', 'unified'])
      t.match(await driver.update(id, 'TASK_FAILED', 30_000), {
        reason: 'REASON_MAX_COMPLETION_TIME_REACHED',
        message: 'Container exited with status 9',
      });
  });

  await t.test('kill -9 of the node: containers live on, true exit codes are told', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'godocker-docker-'));
    const log = join(folder, 'log');
    mkdirSync(log);
    const args = [
      ...['--port', '0', '--tasks', 'docker', '--docker-socket', daemon.socket],
      ...['--state', join(folder, 'state'), '--allow-mounts', log, '--cpus', '8', '--mem', '8000'],
    ];
    const first = await spawnNode(args);
    const before = new Driver({ url: first.url });
    await before.subscribe();
    const container: ContainerInfo = {
      ...inBusybox({ parameters: [{ key: 'user', value: '0:0' }] }),
      volumes: [{ container_path: '/log', host_path: log, mode: 'RW' }],
    };
    await launch(
      before,
      run('during', 'echo run >>/log/during; sleep 1; exit 5', container),
      run('after', 'echo run >>/log/after; sleep 8; exit 6', container),
    );
    for (const id of ['during', 'after']) await before.update(id, 'TASK_RUNNING', 30_000);
    await first.kill();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const second = await spawnNode(args);
    t.teardown(async () => {
      await second.kill();
      rmSync(folder, { recursive: true, force: true });
    });
    const driver = new Driver({ url: second.url });
    await driver.subscribe(before.frameworkId);
    t.match(await driver.update('during', 'TASK_FAILED'), {
      message: 'Container exited with status 5',
    });
    t.match(await driver.update('after', 'TASK_FAILED', 30_000), {
      message: 'Container exited with status 6',
    });
    for (const id of ['during', 'after'])
      t.equal(readFileSync(join(log, id), 'utf8'), 'run\n', `${id} ran once`);
    await driver.until(() => !isThere('after'), 'containers removed after acknowledgement');
    driver.cut();
  });
});
