// Folders and ports of one test, taken anew each time and given back at its end.
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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

/** A port of the loopback that was free a moment ago; for programs that cannot take port 0. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
