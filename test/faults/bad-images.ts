// F17 with images that do not exist, or that a registry will not give just now: what others get of the cluster meanwhile.
import { existsSync } from 'node:fs';
import type { Test } from 'tap';
import { dockerFor } from '../support/docker.js';
import { busyboxImage } from '../support/images.js';
import { startRegistry } from '../support/registry.js';
import { skipAloud } from '../support/skip.js';
import { judge } from './judge.js';
import { type Ended, lasting, Site } from './site.js';

const IMAGE = 'godocker-test/busybox:latest';
const HONEST = 24;
const BAD_EACH = 12;
/** Each once without and once with bad jobs, in turn: what else this machine does then meets both. */
const ROUNDS = 2;
const BUSY = { status: 429, code: 'TOOMANYREQUESTS', message: 'too many requests' };

export async function badImages(t: Test): Promise<void> {
  if (!existsSync('/bin/busybox')) return skipAloud(t, 'busybox', 'no busybox to make an image of');
  const docker = await dockerFor(t);
  if (docker === undefined) return;
  await busyboxImage(docker, IMAGE);
  const registry = await startRegistry(t, '/bin/busybox');
  const busy = await startRegistry(t, '/bin/busybox');
  busy.refusal = BUSY;
  const site = await Site.start(t, 'f17-images', {
    mode: 'auto',
    environment: { ...docker.env, GODOCKER_ALLOW_USER_IMAGES: 'true' },
    node: (folder) => [
      ...['--tasks', 'docker', '--docker-socket', docker.socket, '--allow-mounts', folder],
      ...['--agents', '1', '--cpus', '16', '--mem', '16000'],
    ],
  });
  const submit = async (count: number, image: string, code = 0): Promise<readonly number[]> => {
    const ids: number[] = [];
    const request = { cpu: 1, ram: 0.1, image };
    for (let n = 0; n < count; n++) ids.push(await site.client.submit(lasting(0.1, code), request));
    return ids;
  };
  const ended: Ended[number][] = [];
  /** Launches of honest jobs a second, from the first of them that is submitted to the last that is over. */
  const rate = async (): Promise<number> => {
    const startedAt = performance.now();
    const ids = await submit(HONEST, IMAGE, 3);
    ended.push(...(await site.over(ids, 3, 240_000)));
    return (HONEST * 1_000) / (performance.now() - startedAt);
  };
  const alone: number[] = [];
  const beside: number[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    alone.push(await rate());
    const missing = await submit(BAD_EACH, `${registry.host}/none:1`);
    const refused = await submit(BAD_EACH, `${busy.host}/busy:1`);
    beside.push(await rate());
    for (const id of refused) await site.client.kill(id);
    const killed = await site.client.allOver(refused, 120_000);
    ended.push(...killed.map((job) => ({ job, exitCode: 137 })));
    const gaveUp = await site.client.allOver(missing, 120_000);
    ended.push(...gaveUp.map((job) => ({ job, exitCode: 1 })));
  }
  const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0);
  const ratio = sum(beside) / sum(alone);
  const shown = (all: readonly number[]) => all.map((one) => one.toFixed(1)).join(' and ');
  t.comment(`others' launches a second: ${shown(alone)} alone, ${shown(beside)} beside bad images`);
  judge(t, {
    ...{ fault: 'F17 bad images', tried: 2 * BAD_EACH * ROUNDS, file: site.launchLog, jobs: ended },
    // What the registry refuses for now is launched again after pauses.
    ...{ launchesMin: 0, launchesMax: 10 },
    note: `others' rate beside them: ${ratio.toFixed(2)} of that without (${shown(alone)}; ${shown(beside)} a second)`,
  });
}
