// Folders and ports of one test, taken anew each time and given back at its end.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type ListenOptions, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from './waiting.js';

/** What ends with a test or a benchmark. A tap test is one. */
export interface Scope {
  teardown(end: () => unknown): unknown;
}

/** An empty folder that is removed after the test. */
export function temporaryFolder(t: Scope, what: string): string {
  const folder = mkdtempSync(join(tmpdir(), `godocker-test-${what}-`));
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** The kernel gives ports from here on to connections and to whoever asks for port 0, so that one that was free a moment ago may be theirs. */
const KERNELS_OWN = '/proc/sys/net/ipv4/ip_local_port_range';
const KERNELS_OWN_FROM = 32_768;
const FIRST_PORT = 20_000;

/**
 * A port of the loopback for a program that cannot take port 0. Nobody listens there now, the kernel gives it to nobody,
 * and no other test on this machine gets it before this process has ended.
 */
export async function freePort(): Promise<number> {
  const end = existsSync(KERNELS_OWN)
    ? Number(readFileSync(KERNELS_OWN, 'utf8').split('\t')[0])
    : KERNELS_OWN_FROM;
  const count = end - FIRST_PORT;
  if (!(count > 0)) throw new Error(`the kernel's own ports begin at ${end}: none is left below`);
  const first = Math.floor(Math.random() * count);
  for (let n = 0; n < count; n++) {
    const port = FIRST_PORT + ((first + n) % count);
    if ((await claim(`port-${port}`)) !== null && (await isFree(port))) return port;
  }
  throw new Error(`no port from ${FIRST_PORT} to ${end} is free`);
}

/** How long a test waits for what another one has, at most: as long as a whole suite may take. */
const TURN_MS_MAX = 600_000;

/**
 * Waits until no other test of this machine has `what`, in whatever process, run or working copy: for what there is once.
 * Answers how it is given back; at the end of this process it is in any case.
 */
export function turnFor(what: string): Promise<() => Promise<void>> {
  return waitFor(
    `no other test has ${what}`,
    TURN_MS_MAX,
    async () => (await claim(what)) ?? undefined,
    200,
  );
}

/**
 * Claims something among all tests of this machine, by a socket without a file that only one process can have, and that
 * ends with it. Answers how it is given back; null: another one has it. Only Linux has such sockets; elsewhere nothing is
 * claimed by others.
 */
async function claim(what: string): Promise<(() => Promise<void>) | null> {
  if (process.platform !== 'linux') return async () => {};
  const server = await listening({ path: `\0godocker-test-${what}` });
  if (server === null) return null;
  return async () => {
    await new Promise((resolve) => server.close(resolve));
  };
}

async function isFree(port: number): Promise<boolean> {
  const server = await listening({ port, host: '127.0.0.1' });
  if (server === null) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/** A server that keeps no process alive; null: somebody else listens there. */
function listening(where: ListenOptions): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer().unref();
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen(where, () => resolve(server));
  });
}
