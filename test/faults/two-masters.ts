// F5 with two masters behind a real ZooKeeper: the leader dies, or is voted out, and the other, elsewhere, knows the agents and
// their tasks. Two nodes in turn on one state stand for that: agents of a real cluster go over to the new leader as well.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { dockerFor } from '../support/docker.js';
import { busyboxImage } from '../support/images.js';
import { freePort, temporaryFolder } from '../support/places.js';
import { Installation, leaderAmong } from '../support/processes.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';
import { isZooKeeperMissing, ZooKeeper } from '../support/zookeeper.js';
import { judge } from './judge.js';
import { type Ended, lasting } from './site.js';

const IMAGE = 'godocker-test/busybox:latest';
const ROUNDS = 4;
const RESUBSCRIBED_MS_MAX = 15_000;
const CREDENTIAL = { principal: 'godocker', secret: 'of the test' };

export async function anotherMaster(t: Test): Promise<void> {
  if (isZooKeeperMissing(t)) return;
  if (!existsSync('/bin/busybox')) return skipAloud(t, 'busybox', 'no busybox to make an image of');
  const docker = await dockerFor(t);
  if (docker === undefined) return;
  await busyboxImage(docker, IMAGE);
  const zooKeeper = await ZooKeeper.start(t);
  await zooKeeper.tell('create', '/mesos', '');
  const folder = temporaryFolder(t, 'f5-two');
  chmodSync(folder, 0o711);
  const home = join(folder, 'home');
  mkdirSync(home, { mode: 0o711 });
  writeFileSync(join(home, 'mesos-credential.json'), JSON.stringify(CREDENTIAL), { mode: 0o600 });
  const ports = [await freePort(), await freePort()] as const;
  const installation = new Installation(t, {
    home,
    mesosPort: ports[0],
    environment: {
      ...docker.env,
      GODOCKER_MESOS_MASTER: `zk://127.0.0.1:${zooKeeper.port}/mesos`,
      GODOCKER_MESOS_PRINCIPAL: CREDENTIAL.principal,
      GODOCKER_MESOS_SECRET: CREDENTIAL.secret,
      GODOCKER_ALLOW_USER_IMAGES: 'true',
    },
    mode: 'auto',
  });
  const launchLog = join(folder, 'launches');
  writeFileSync(launchLog, '');
  const master = (n: number) =>
    installation.node(
      [
        ...['--tasks', 'docker', '--docker-socket', docker.socket, '--agents', '1'],
        ...['--cpus', '16', '--mem', '16000', '--heartbeat', '1', '--launch-log', launchLog],
        ...['--allow-mounts', folder],
      ],
      ports[n % 2],
    );
  const { client, url } = await installation.web();
  let leading = await master(0);
  let node = await zooKeeper.stand(ports[0]);
  const scheduler = await installation.scheduler();
  await leaderAmong([scheduler]);
  const ready = () => waitFor('it is ready', 60_000, async () => (await fetch(`${url}/readyz`)).ok);
  await ready();
  const submit = async (count: number, script: string): Promise<readonly number[]> => {
    const ids: number[] = [];
    for (let n = 0; n < count; n++)
      ids.push(await client.submit(script, { cpu: 0.1, ram: 0.01, image: IMAGE }));
    return ids;
  };
  const ended: Ended[number][] = [];
  const tookMs: number[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    const running = await submit(3, lasting(12, n));
    const short = await submit(2, lasting(3, n));
    // Agents do not die with a real master; ours do, and a container in the making would be lost with them.
    for (const id of [...running, ...short]) await client.until(id, ['running', 'over']);
    // Voted out while it lives, as by a ZooKeeper that lost its session; or dead, and then known to be.
    if (n % 2 === 1) await zooKeeper.tell('delete', node);
    await leading.kill9();
    if (n % 2 === 0) await zooKeeper.tell('delete', node);
    leading = await master(n + 1);
    const standsAt = performance.now();
    node = await zooKeeper.stand(ports[(n + 1) % 2] as number);
    await ready();
    tookMs.push(performance.now() - standsAt);
    const waiting = await submit(2, lasting(0.1, n));
    const jobs = await client.allOver([...running, ...short, ...waiting], 90_000);
    ended.push(...jobs.map((job) => ({ job, exitCode: n })));
  }
  const worst = Math.round(Math.max(...tookMs));
  t.ok(worst <= RESUBSCRIBED_MS_MAX, `ready ${worst} ms after the other master stands`);
  judge(t, {
    ...{ fault: 'F5 another master leads', tried: ROUNDS, file: launchLog, jobs: ended },
    note: `two masters behind ZooKeeper; ready again within ${worst} ms`,
  });
}
