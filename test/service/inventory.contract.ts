// The page of agents is asked as the masters are: the same addresses, the same TLS, the master that leads.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readConfig } from '../../src/config/read.js';
import { askInventory } from '../../src/service/cluster.js';
import { temporaryFolder } from '../support/places.js';
import { hasProgram, run } from '../support/programs.js';
import { skipAloud } from '../support/skip.js';

const localCredential = { principal: 'local', secret: 'node' };
const NO_TLS = { tls: {}, master: null };

const configOf = (t: Test, mesos: string) => {
  const directory = t.testdir({ 'godocker.yaml': `mesos: ${mesos}\n` });
  const answer = readConfig({ environment: {}, directory });
  if (answer.kind !== 'read') throw new Error(JSON.stringify(answer.problems));
  return { config: answer.config, localCredential };
};

/** What a server heard: paths and credentials. */
type Heard = string[];

async function listening(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

const answering =
  (heard: Heard) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    heard.push(`${request.url} ${request.headers.authorization ?? 'nobody'}`);
    response.setHeader('connection', 'close');
    response.end(JSON.stringify({ slaves: [{ resources: { cpus: 2, mem: 100 } }] }));
  };

const BASIC = `Basic ${Buffer.from('p:s').toString('base64')}`;

t.test('masters behind TLS are asked over TLS, and nobody else hears the secret', async (t) => {
  if (!hasProgram('openssl')) return skipAloud(t, 'TLS to masters', 'openssl is not installed');
  const folder = temporaryFolder(t, 'tls');
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made = await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-days', '2', '-subj', '/CN=master', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-keyout', key, '-out', cert],
  ]);
  if (made.code !== 0) throw new Error(made.stderr);
  const heard: Heard = [];
  const own = { key: readFileSync(key), cert: readFileSync(cert) };
  const port = await listening(t, createTlsServer(own, answering(heard)));
  const plain: Heard = [];
  const plainPort = await listening(t, createServer(answering(plain)));

  const tls = 'tls: { enabled: true }, principal: p, secret: s';
  const site = configOf(t, `{ master: "127.0.0.1:${port}", ${tls} }`);
  t.equal(await askInventory(site, null, NO_TLS), null, 'an authority that nobody knows');
  t.strictSame(heard, []);
  t.match(await askInventory(site, null, { tls: { ca: own.cert }, master: null }), {
    shapes: [{ count: 1 }],
  });
  t.strictSame(heard, [`/slaves ${BASIC}`]);

  const mistaken = configOf(t, `{ master: "127.0.0.1:${plainPort}", ${tls} }`);
  t.equal(await askInventory(mistaken, null, NO_TLS), null);
  t.strictSame(plain, [], 'no secret over an open wire');
});

t.test('behind ZooKeeper the master that we follow is asked; without one nobody', async (t) => {
  const heard: Heard = [];
  const port = await listening(t, createServer(answering(heard)));
  const site = configOf(t, '{ master: "zk://127.0.0.1:1/mesos", principal: p, secret: s }');
  t.equal(await askInventory(site, null, NO_TLS), null);
  t.strictSame(heard, []);
  const master = `http://127.0.0.1:${port}`;
  t.match(await askInventory(site, null, { tls: {}, master }), { shapes: [{ count: 1 }] });
  t.strictSame(heard, [`/slaves ${BASIC}`]);
});
