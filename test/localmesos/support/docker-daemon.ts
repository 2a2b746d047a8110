/** A Docker daemon of the test's own, with a `busybox:local` image, or the reason why there is none. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dockerVersion } from '../../../src/localmesos/docker.js';
import { DAEMON } from '../../support/docker.js';
import { turnFor } from '../../support/places.js';

const DOCKERD = '/usr/sbin/dockerd';
const BUSYBOX = '/bin/busybox';
const START_MS_MAX = 40_000;
const APPLETS = [
  'sh',
  'true',
  'echo',
  'sleep',
  'id',
  'env',
  'ls',
  'cat',
  'test',
  'dd',
  'touch',
  'grep',
  'tail',
];

/** Why no daemon can be started here, or false. */
export function noDocker(): string | false {
  if (process.getuid?.() !== 0) return 'Docker: needs root';
  if (!existsSync(DOCKERD)) return 'Docker: no dockerd on this machine';
  if (!existsSync(BUSYBOX)) return 'Docker: no busybox to make an image of';
  return false;
}

export interface DockerDaemon {
  readonly socket: string;
  readonly folder: string;
  docker(...args: string[]): string;
  stop(): Promise<void>;
}

export async function startDocker(): Promise<DockerDaemon> {
  const giveBack = await turnFor(DAEMON);
  const folder = mkdtempSync(join(tmpdir(), 'godocker-dockerd-'));
  const socket = join(folder, 'docker.sock');
  const log = openSync(join(folder, 'log'), 'w');
  const places = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')];
  const daemon = spawn(
    DOCKERD,
    [...places, '-H', `unix://${socket}`, '--pidfile', join(folder, 'pid')],
    { stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const deadline = Date.now() + START_MS_MAX;
  while ((await dockerVersion(socket)) === undefined) {
    if (daemon.exitCode !== null || Date.now() > deadline) {
      const said = readFileSync(join(folder, 'log'), 'utf8').slice(-2_000);
      await stop(daemon, folder);
      await giveBack();
      throw new Error(`dockerd did not start: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const docker = (...args: string[]) =>
    execFileSync('docker', ['-H', `unix://${socket}`, ...args], { encoding: 'utf8' });
  makeImage(folder, docker);
  return {
    ...{ socket, folder, docker },
    stop: async () => {
      await stop(daemon, folder);
      await giveBack();
    },
  };
}

function makeImage(folder: string, docker: DockerDaemon['docker']): void {
  const root = join(folder, 'root');
  for (const name of ['bin', 'tmp', 'etc']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(BUSYBOX, join(root, 'bin', 'busybox'));
  for (const name of APPLETS) symlinkSync('busybox', join(root, 'bin', name));
  const archive = join(folder, 'image.tar');
  execFileSync('tar', ['-C', root, '-cf', archive, '.']);
  docker('import', '-c', 'ENV PATH=/bin', archive, 'busybox:local');
}

async function stop(daemon: ChildProcess, folder: string): Promise<void> {
  if (daemon.exitCode === null && daemon.signalCode === null) {
    daemon.kill('SIGTERM');
    await once(daemon, 'exit');
  }
  // The daemon leaves what it mounted for the host's network.
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  for (const path of mounts.map((line) => line.split(' ')[1] ?? '')) {
    if (path.startsWith(`${folder}/`)) execFileSync('umount', ['-l', path]);
  }
  rmSync(folder, { recursive: true, force: true });
}
