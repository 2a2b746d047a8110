// A real etcd of the system's packages, with its data in a folder of its own.
import { join } from 'node:path';
import type { Test } from 'tap';
import { isAnswering } from './local-mesos.js';
import { freePort, temporaryFolder } from './places.js';
import { type Background, hasProgram, startBackground } from './programs.js';
import { skipAloud } from './skip.js';
import { waitFor } from './waiting.js';

/** Whether there is none; the test was then skipped aloud. */
export function isEtcdMissing(t: Test): boolean {
  if (hasProgram('etcd')) return false;
  skipAloud(t, 'etcd', 'package etcd-server is not installed; npm run test:setup');
  return true;
}

export interface Etcd {
  readonly url: string;
  readonly port: number;
  readonly process: Background;
}

export async function startEtcd(t: Test, port?: number): Promise<Etcd> {
  const folder = temporaryFolder(t, 'etcd');
  const [client, peer] = [port ?? (await freePort()), await freePort()];
  const url = `http://127.0.0.1:${client}`;
  const peers = `http://127.0.0.1:${peer}`;
  const process = startBackground(
    'etcd',
    [
      ...['--name', 'one', '--data-dir', join(folder, 'data'), '--logger', 'zap'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers],
      ...['--initial-cluster', `one=${peers}`],
    ],
    { cwd: folder, logFile: join(folder, 'etcd.log') },
  );
  t.teardown(() => process.stop());
  await waitFor('etcd is ready', 30_000, () => {
    if (!process.isRunning()) throw new Error(`etcd ended: ${process.lastWords()}`);
    return isAnswering(`${url}/health`);
  });
  return { url, port: client, process };
}
