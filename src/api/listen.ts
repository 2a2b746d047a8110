/** Opens the port of the web server, plain or with TLS, and closes it in order. */
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { WebConfig } from '../contracts/config.js';

/** Requests under way are answered within this, or cut. */
const CLOSE_MS_MAX = 2_000;

export async function listen(
  web: WebConfig,
  answer: RequestListener,
): Promise<{ server: Server; url: string }> {
  const server =
    web.tls === null
      ? createServer(answer)
      : createTlsServer(
          { cert: readFileSync(web.tls.certFile), key: readFileSync(web.tls.keyFile) },
          answer,
        );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(web.port, web.listen, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const name = web.listen.includes(':') ? `[${web.listen}]` : web.listen;
  const scheme = web.tls === null ? 'http' : 'https';
  return { server, url: `${scheme}://${name}:${port}` };
}

/** Answers what is under way, then closes. */
export async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const impatience = setTimeout(() => server.closeAllConnections(), CLOSE_MS_MAX);
  await closed;
  clearTimeout(impatience);
}
