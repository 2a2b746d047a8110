// TLS to the master: authorities, certificates of ours, and what happens where they do not fit.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { SCHEDULER_PATH } from '../../src/mesos/subscription.js';
import { type TlsMaterial, UndiciTransport } from '../../src/mesos/transport.js';
import { temporaryFolder } from '../support/places.js';
import { hasProgram, run } from '../support/programs.js';
import { skipAloud } from '../support/skip.js';

interface Papers {
  readonly ca: Buffer;
  readonly server: { readonly cert: Buffer; readonly key: Buffer };
  readonly client: { readonly cert: Buffer; readonly key: Buffer };
}

/** An authority, and what it gave to the master and to us. */
async function papers(t: Test): Promise<Papers> {
  const folder = temporaryFolder(t, 'tls');
  const make = async (name: string, ...more: readonly string[]) => {
    const key = join(folder, `${name}.key`);
    const cert = join(folder, `${name}.pem`);
    const { code, stderr } = await run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-subj', `/CN=${name}`, '-keyout', key, '-out', cert, ...more],
    ]);
    if (code !== 0) throw new Error(stderr);
    return { key: readFileSync(key), cert: readFileSync(cert) };
  };
  const ca = await make('authority');
  const by = ['-CA', join(folder, 'authority.pem'), '-CAkey', join(folder, 'authority.key')];
  const leaf = [...by, '-addext', 'basicConstraints=critical,CA:FALSE'];
  return {
    ca: ca.cert,
    server: await make('master', ...leaf, '-addext', 'subjectAltName=IP:127.0.0.1'),
    client: await make('godocker', ...leaf),
  };
}

/** A master that takes every call of those whose certificate it accepts, and says whose it was. */
async function master(t: Test, { ca, server }: Papers, asksForOne: boolean): Promise<string> {
  const listening = createServer(
    { ...server, ca, requestCert: asksForOne, rejectUnauthorized: asksForOne },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      response.statusCode = 202;
      response.end(subject === undefined ? 'nobody' : subject.CN);
    },
  );
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    listening.closeAllConnections();
    listening.close();
  });
  return `https://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

async function call(t: Test, origin: string, tls: TlsMaterial) {
  const transport = new UndiciTransport(tls);
  t.teardown(() => transport.close({ isAtOnce: true }));
  const post = { target: { origin, path: SCHEDULER_PATH }, headers: {}, body: Buffer.from('{}') };
  const stream = await new Promise<string>((resolve) => {
    transport.subscribe(post, {
      opened: () => {},
      bytes: () => {},
      answered: ({ text }) => resolve(text),
      ended: (because) => resolve(`ended: ${because}`),
    });
  });
  return { stream, answer: await transport.call('orders', post) };
}

t.test('masters and we know each other by certificates', async (t) => {
  if (!hasProgram('openssl')) return skipAloud(t, 'TLS to masters', 'openssl is not installed');
  const all = await papers(t);
  const open = await master(t, all, false);
  t.match(await call(t, open, { ca: all.ca }), {
    stream: 'nobody',
    answer: { kind: 'answered', status: 202, text: 'nobody' },
  });
  const stranger = await call(t, open, {});
  t.match(stranger.stream, /^ended: .*(certificate|self.signed)/i);
  t.match(stranger.answer, { because: /certificate|self.signed/i });
  t.not(stranger.answer.kind, 'answered');
  t.match(
    await call(t, open.replace('127.0.0.1', 'localhost'), { ca: all.ca }),
    { stream: /^ended: .*altnames/i },
    'a certificate for another name',
  );

  const strict = await master(t, all, true);
  t.match(await call(t, strict, { ca: all.ca, ...all.client }), {
    stream: 'godocker',
    answer: { text: 'godocker' },
  });
  t.match((await call(t, strict, { ca: all.ca })).stream, /^ended: /);
});
