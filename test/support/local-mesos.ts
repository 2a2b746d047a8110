// `godocker local-mesos` as its own process, for clients that know nothing of us.
import { join } from 'node:path';
import { freePort, type Scope, temporaryFolder } from './places.js';
import { type Background, startBackground } from './programs.js';
import { projectFile } from './project.js';
import { waitFor } from './waiting.js';

export interface LocalMesos {
  readonly url: string;
  readonly port: number;
  readonly process: Background;
}

/** Starts a node on a free port and stops it after the test. `args` are its command line; one agent of 4 cpus if it names none. */
export async function startLocalMesos(
  t: Scope,
  args: readonly string[],
  port?: number,
): Promise<LocalMesos> {
  const folder = temporaryFolder(t, 'local-mesos');
  const listening = port ?? (await freePort());
  const node = startBackground(
    process.execPath,
    [
      projectFile('dist/bin/godocker.js'),
      'local-mesos',
      ...['--port', String(listening)],
      ...(args.includes('--agents') ? [] : ['--agents', '1', '--cpus', '4', '--mem', '4096']),
      ...args,
    ],
    {
      cwd: folder,
      env: { ...process.env, GODOCKER_HOME: join(folder, 'home') },
      logFile: join(folder, 'log'),
    },
  );
  t.teardown(() => node.stop());
  const url = `http://127.0.0.1:${listening}`;
  await waitFor('the local node answers', 20_000, async () => {
    if (!node.isRunning()) throw new Error(`the local node ended: ${node.lastWords()}`);
    return isAnswering(`${url}/version`);
  });
  return { url, port: listening, process: node };
}

/** Whether a GET is answered with 200; a refused connection is a no. */
export async function isAnswering(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
