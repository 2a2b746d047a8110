/** Opens the port of the web server, plain or with TLS, and closes it in order. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { WebConfig } from '../contracts/config.js';
import { tlsOptions } from './certificate.js';
import { type CertificatePorts, CertificateWatch, readCertificate } from './certificate-watch.js';

/** Requests under way are answered within this, or cut. */
const CLOSE_MS_MAX = 2_000;

export interface Listening {
  readonly server: Server;
  readonly url: string;
  /** Null: without TLS. */
  readonly certificate: CertificateWatch | null;
}

/** @throws ServiceError `bad-field`: the certificate is of no use; Error of the system: the port is taken, for example */
export async function listen(
  web: Pick<WebConfig, 'listen' | 'port' | 'tls'>,
  answer: RequestListener,
  ports: CertificatePorts,
): Promise<Listening> {
  const { server, certificate } =
    web.tls === null
      ? { server: createServer(answer), certificate: null }
      : await withTls(web.tls, answer, ports);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(web.port, web.listen, resolve);
  });
  certificate?.start();
  const { port } = server.address() as AddressInfo;
  const name = web.listen.includes(':') ? `[${web.listen}]` : web.listen;
  const scheme = web.tls === null ? 'http' : 'https';
  return { server, url: `${scheme}://${name}:${port}`, certificate };
}

async function withTls(
  files: NonNullable<WebConfig['tls']>,
  answer: RequestListener,
  ports: CertificatePorts,
) {
  const first = await readCertificate(files, ports.clock);
  const server = createTlsServer(tlsOptions(first), answer);
  const use = (next: typeof first) => server.setSecureContext(tlsOptions(next));
  return { server, certificate: new CertificateWatch(files, first, use, ports) };
}

/** Answers what is under way, then closes. */
export async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const impatience = setTimeout(() => server.closeAllConnections(), CLOSE_MS_MAX);
  await closed;
  clearTimeout(impatience);
}
