/** How a scheduler or a watcher is, for supervisors and monitoring: they serve no REST API, so each has a small port of its own. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { close } from '../api/listen.js';
import type { Stack } from '../host/stack.js';
import { version } from './version.js';

/** Answers `/healthz` and `/metrics` on loopback, if a port is configured. Its URL, or null. */
export async function serveStatus(
  statusPort: number | null,
  { stack, metrics }: { readonly stack: Stack; readonly metrics: Registry },
  status: () => object,
): Promise<string | null> {
  if (statusPort === null) return null;
  const server = createServer((request, response) => {
    if (request.url === '/healthz')
      answer(response, 200, { status: 'ok', version: version(), ...status() });
    else if (request.url === '/metrics')
      void metrics.metrics().then((text) => {
        response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
      });
    else answer(response, 404, { error: 'there is nothing here but /healthz and /metrics' });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(statusPort, '127.0.0.1', resolve);
  });
  stack.push('status server', () => close(server));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answer(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}
