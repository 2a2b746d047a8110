// Masters behind TLS: whom we trust, who we are, and what we never send to whom.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import type { ClusterListener } from '../../src/contracts/cluster.js';
import { SILENT } from '../../src/contracts/log.js';
import { systemClock, systemTimers } from '../../src/host/system.js';
import { askAgents } from '../../src/mesos/agents.js';
import { encodeEvent, JSON_TYPE } from '../../src/mesos/codec.js';
import { MesosFramework } from '../../src/mesos/framework.js';
import { encodeRecord } from '../../src/mesos/recordio.js';
import { type TlsOptions, UndiciTransport } from '../../src/mesos/transport.js';
import { temporaryFolder } from '../support/places.js';
import { hasProgram, run } from '../support/programs.js';
import { skipAloud } from '../support/skip.js';

interface Papers {
  readonly key: string;
  readonly cert: string;
}

/** A key and a certificate that signs itself, for the loopback. */
async function papers(t: Test, name: string): Promise<Papers> {
  const folder = temporaryFolder(t, 'tls');
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made = await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', key, '-out', cert, '-days', '2', '-subj', `/CN=${name}`],
    ...['-addext', 'subjectAltName=IP:127.0.0.1'],
  ]);
  if (made.code !== 0) throw new Error(made.stderr);
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

/** Answers SUBSCRIBE and the page of agents; keeps who came, and with what. */
async function master(
  t: Test,
  own: Papers,
  clients: string | null = null,
): Promise<{ port: number; callers: string[]; secrets: (string | undefined)[] }> {
  const callers: string[] = [];
  const secrets: (string | undefined)[] = [];
  const guard = clients === null ? {} : { ca: clients, requestCert: true };
  const server: Server = createServer({ ...own, ...guard }, (request, response) => {
    const certificate = (request.socket as TLSSocket).getPeerCertificate();
    const name = certificate?.subject?.CN;
    callers.push(Array.isArray(name) ? name.join() : (name ?? ''));
    secrets.push(request.headers.authorization);
    if (request.url === '/slaves') {
      response.end(JSON.stringify({ slaves: [{ resources: { cpus: 2, mem: 100 } }] }));
      return;
    }
    response.writeHead(200, { 'mesos-stream-id': 's1', 'content-type': JSON_TYPE });
    const event = { type: 'SUBSCRIBED', subscribed: { framework_id: { value: 'f1' } } } as const;
    response.write(encodeRecord(encodeEvent(event, JSON_TYPE)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, callers, secrets };
}

/** The first word of a framework that comes with these. */
async function firstWord(t: Test, port: number, tls: TlsOptions): Promise<string> {
  const framework = new MesosFramework({
    masters: [`https://127.0.0.1:${port}`],
    mediaType: JSON_TYPE,
    framework: {
      user: 'root',
      name: 'GoDocker',
      roles: ['*'],
      principal: 'p',
      secret: 's',
      failoverTimeoutMs: 1_000,
      checkpoint: true,
      hostname: null,
      webuiUrl: null,
      labels: {},
    },
    tasks: { network: 'BRIDGE', alwaysPull: false },
    memory: { load: async () => 'f1', save: async () => undefined },
    ports: {
      clock: systemClock,
      timers: systemTimers,
      random: () => 1,
      log: SILENT,
      transport: new UndiciTransport(tls),
    },
  });
  t.teardown(() => framework.stop());
  let word = 'not connected';
  const nothing = () => undefined;
  const listener: ClusterListener = {
    connected: () => {
      word = 'connected';
    },
    disconnected: nothing,
    offers: nothing,
    rescinded: nothing,
    updated: nothing,
    agentFailed: nothing,
    refused: nothing,
  };
  await framework.start(listener);
  return word;
}

const trusting = (ca: string | null): TlsOptions => ({ ca, client: null, isVerified: true });

t.test('a master is trusted only with a certificate that our authorities signed', async (t) => {
  if (!hasProgram('openssl')) return skipAloud(t, 'openssl', 'not installed');
  const [own, other] = await Promise.all([papers(t, 'master'), papers(t, 'somebody')]);
  const { port, secrets } = await master(t, own);
  t.equal(await firstWord(t, port, trusting(null)), 'not connected');
  t.equal(await firstWord(t, port, trusting(other.cert)), 'not connected');
  t.strictSame(secrets, [], 'nobody unknown hears our secret');
  t.equal(await firstWord(t, port, trusting(own.cert)), 'connected');
  t.equal(secrets.length, 1);
  const unverified = { ca: null, client: null, isVerified: false };
  t.equal(await firstWord(t, port, unverified), 'connected', 'where the site wants it so');
});

t.test('a master that asks for a certificate gets ours', async (t) => {
  if (!hasProgram('openssl')) return skipAloud(t, 'openssl', 'not installed');
  const [own, ours] = await Promise.all([papers(t, 'master'), papers(t, 'godocker')]);
  const { port, callers } = await master(t, own, ours.cert);
  t.equal(await firstWord(t, port, trusting(own.cert)), 'not connected');
  const tls = { ca: own.cert, client: ours, isVerified: true };
  t.equal(await firstWord(t, port, tls), 'connected');
  t.strictSame(callers, ['godocker']);
});

t.test('the page of agents is read the same way', async (t) => {
  if (!hasProgram('openssl')) return skipAloud(t, 'openssl', 'not installed');
  const own = await papers(t, 'master');
  const { port, secrets } = await master(t, own);
  const asked = { masters: [`https://127.0.0.1:${port}`], principal: 'p', secret: 's' };
  t.equal(await askAgents({ ...asked, tls: trusting(null) }), null);
  t.strictSame(secrets, []);
  t.match(await askAgents({ ...asked, tls: trusting(own.cert) }), [{ count: 1 }]);
});
