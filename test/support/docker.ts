// A Docker daemon for tests: the machine's own if it answers, else one of ours in a temporary folder.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { temporaryFolder, turnFor } from './places.js';
import { hasProgram, type RunOptions, type RunResult, run, startBackground } from './programs.js';
import { skipAloud } from './skip.js';
import { waitFor } from './waiting.js';

export interface Docker {
  /** Path of the Unix socket. */
  readonly socket: string;
  /** For programs that take their daemon from the environment. */
  readonly env: { readonly DOCKER_HOST: string };
  /** Runs the `docker` command against this daemon. */
  docker(args: readonly string[], options?: RunOptions): Promise<RunResult>;
}

/** Of which only one test of this machine has one at a time. */
export const DAEMON = 'docker-daemon';

/** First start of a daemon on a loaded machine, with its own containerd. */
const DAEMON_START_MS_MAX = 40_000;

/** A daemon, or undefined after the test was skipped aloud. It is stopped, and what it holds removed, after the test. */
export async function dockerFor(t: Test): Promise<Docker | undefined> {
  if (!hasProgram('docker')) {
    skipAloud(t, 'Docker', 'the docker command is not installed; npm run test:setup installs it');
    return undefined;
  }
  const own = socketOfMachine();
  if (own !== undefined && (await isAnswering(dockerAt(own)))) return dockerAt(own);
  if (!hasProgram('dockerd') || process.getuid?.() !== 0) {
    skipAloud(t, 'Docker', 'no daemon answers, and without dockerd and root none can be started');
    return undefined;
  }
  return startDaemon(t);
}

async function startDaemon(t: Test): Promise<Docker | undefined> {
  // Two daemons would fight for one bridge and for the rules of one packet filter.
  t.teardown(await turnFor(DAEMON));
  const folder = temporaryFolder(t, 'docker');
  const socket = join(folder, 'docker.sock');
  const daemon = startBackground(
    'dockerd',
    [
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['-H', `unix://${socket}`, '--pidfile', join(folder, 'pid')],
    ],
    { cwd: folder, logFile: join(folder, 'log') },
  );
  const docker = dockerAt(socket);
  t.teardown(async () => {
    await removeContainers(docker);
    // A stopped daemon leaves their bridges behind, which stand in the way of the next one's networks.
    await docker.docker(['network', 'prune', '--force']);
    await daemon.stop();
    await unmountWithin(folder);
  });
  await waitFor('dockerd answers', DAEMON_START_MS_MAX, async () => {
    if (!daemon.isRunning()) throw new Error(`dockerd ended: ${daemon.lastWords()}`);
    return isAnswering(docker);
  });
  return docker;
}

/** The daemon would leave its containers running, with their files in a folder that is about to be removed. */
async function removeContainers(docker: Docker): Promise<void> {
  const listed = await docker.docker(['ps', '-aq']);
  const ids = listed.stdout.split('\n').filter(Boolean);
  if (ids.length > 0) await docker.docker(['rm', '-f', ...ids]);
}

/** Containers on the host's network, or on none, leave a mount behind that would keep the folder. */
async function unmountWithin(folder: string): Promise<void> {
  const lines = readFileSync('/proc/mounts', 'utf8').split('\n');
  for (const path of lines.map((line) => line.split(' ')[1] ?? ''))
    if (path.startsWith(`${folder}/`)) await run('umount', ['-l', path]);
}

function dockerAt(socket: string): Docker {
  const host = `unix://${socket}`;
  return {
    socket,
    env: { DOCKER_HOST: host },
    docker: (args, options) => run('docker', ['-H', host, ...args], options),
  };
}

function socketOfMachine(): string | undefined {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  const socket = host.startsWith('unix://') ? host.slice('unix://'.length) : undefined;
  return socket !== undefined && existsSync(socket) ? socket : undefined;
}

const isAnswering = async (docker: Docker): Promise<boolean> =>
  (await docker.docker(['version', '--format', '{{.Server.Version}}'], { limitMs: 5_000 })).code ===
  0;
