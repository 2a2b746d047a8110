// HTTPS built in: what certificates are refused, and that a new one reaches new connections while old ones go on.
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { connect, createServer, type SecureVersion, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { checkedCertificate } from '../../src/api/certificate.js';
import { close, listen } from '../../src/api/listen.js';
import { SILENT } from '../../src/contracts/log.js';
import { instant } from '../../src/core/units.js';
import { type Authority, anAuthority, opensslMissing, type Pair } from '../support/certificates.js';
import { FakeTime } from '../support/fake-time.js';
import { temporaryFolder } from '../support/places.js';
import { run, startBackground } from '../support/programs.js';
import { projectFile } from '../support/project.js';
import { temporaryHome } from '../support/service.js';
import { skipAloud } from '../support/skip.js';
import { waitFor } from '../support/waiting.js';

const SERVICE = projectFile('dist/bin/godocker.js');
const WAIT_MS = 60_000;
const missing = opensslMissing();
const PAST = ['20200101000000Z', '20210101000000Z'] as const;
const FUTURE = ['20980101000000Z', '20990101000000Z'] as const;

const fingerprintOf = ({ cert }: Pair): string => new X509Certificate(cert).fingerprint256;

function written(t: Test, { cert, key }: Pair) {
  const folder = temporaryFolder(t, 'https');
  const files = { certFile: join(folder, 'site.pem'), keyFile: join(folder, 'site.key') };
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key, { mode: 0o600 });
  return files;
}

/** Connects anew each time and answers whose certificate was shown. */
async function shownBy(url: string, ca: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), ca });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly socket: TLSSocket;
}

/** One request; a body is sent when `go` says so. */
async function ask(
  url: string,
  { ca, agent, go }: { readonly ca: string; readonly agent?: Agent; readonly go?: Promise<void> },
): Promise<Answer> {
  const method = go === undefined ? 'GET' : 'POST';
  const asked = request(url, { ca, method, ...(agent === undefined ? {} : { agent }) });
  if (go === undefined) asked.end();
  else {
    asked.setHeader('content-type', 'application/json');
    asked.write('{"user":');
    await go;
    asked.end('"nobody","apikey":"none"}');
  }
  const [response] = await once(asked, 'response');
  const socket = response.socket as TLSSocket;
  response.resume();
  await once(response, 'end');
  return { status: response.statusCode, headers: response.headers, socket };
}

t.test('certificates that nobody should be shown', async (t) => {
  if (missing !== undefined) return skipAloud(t, 'https', missing);
  const authority = await anAuthority(t);
  const [good, other] = [await authority.make('good'), await authority.make('other')];
  const old = await authority.make('old', PAST);
  const future = await authority.make('future', FUTURE);
  const files = { certFile: '/etc/site.pem', keyFile: '/etc/site.key' };
  const now = instant(Date.now());
  const cases: Record<string, [Partial<Pair>, RegExp]> = {
    expired: [old, /^tls\.cert: \/etc\/site\.pem expired on 2021-01-01T/],
    'not yet': [future, /^tls\.cert: .* is not valid before 2098-01-01T/],
    'a chain that ended': [
      { cert: good.cert + old.cert },
      /^tls\.cert: .* in the chain, CN=old expired on 2021/,
    ],
    'no certificate': [{ cert: 'hello' }, /^tls\.cert: .*site\.pem has no certificate in PEM/],
    'a key as certificate': [{ cert: good.key }, /^tls\.cert: .* has no certificate/],
    'half a certificate': [
      { cert: good.cert.replace(/\n.{20}/, '\n') },
      /^tls\.cert: .* has a certificate that is broken/,
    ],
    'another key': [
      { key: other.key },
      /^tls\.key: \/etc\/site\.key is not the key of .*site\.pem/,
    ],
    'no key': [{ key: '' }, /^tls\.key: .* has no private key/],
  };
  for (const [name, [texts, says]] of Object.entries(cases))
    t.throws(
      () => checkedCertificate(files, { ...good, ...texts }, now),
      { code: 'bad-field', message: says },
      name,
    );
  const taken = checkedCertificate(files, { ...good, cert: good.cert + other.cert }, now);
  t.equal(taken.fingerprint, fingerprintOf(good), 'the first of a chain is the server');
  const der = Buffer.from(good.cert.replace(/-----.*-----|\s/g, ''), 'base64');
  const digest = createHash('sha256').update(der).digest('hex').toUpperCase();
  t.equal(taken.fingerprint.replaceAll(':', ''), digest, 'told as browsers show it');
});

/** A server of ours whose time stands still, and what it logged. */
async function aServer(t: Test, pair: Pair) {
  const files = written(t, pair);
  const time = new FakeTime(Date.now());
  const said: string[] = [];
  const log = {
    ...SILENT,
    error: (_: string, facts?: { readonly because?: unknown }) => said.push(String(facts?.because)),
  };
  const web = { listen: '127.0.0.1', port: 0, tls: files };
  const ports = { clock: time, timers: time, log };
  const listening = await listen(web, (_, response) => response.end('hello'), ports);
  const { certificate, server, url } = listening;
  t.teardown(() => Promise.all([certificate?.stop(), close(server)]));
  if (certificate === null) throw new Error('TLS without a certificate');
  /** Lets looks happen until something holds. */
  const until = (what: string, holds: () => boolean | Promise<boolean>) =>
    waitFor(what, WAIT_MS, async () => {
      await time.pass(10_000);
      return (await holds()) || undefined;
    });
  return { files, time, said, url, certificate, until };
}

t.test('files that change are taken when both fit; until then the former ones stay', async (t) => {
  if (missing !== undefined) return skipAloud(t, 'https', missing);
  const authority = await anAuthority(t);
  const { ca } = authority;
  const [first, second] = [await authority.make('first'), await authority.make('second')];
  const { files, said, url, certificate, until } = await aServer(t, first);
  t.equal(await shownBy(url, ca), fingerprintOf(first));

  writeFileSync(files.certFile, second.cert);
  await until('half a change is refused', () => certificate.warnings().length > 0);
  t.match(certificate.warnings(), [/^tls\.key: what is there now was not taken/]);
  t.equal(await shownBy(url, ca), fingerprintOf(first), 'the former one is shown');
  await until('more looks', () => true);
  t.equal(said.length, 1, 'and said once');
  t.match(said[0], /^tls\.key: .* is not the key of /);

  writeFileSync(files.keyFile, second.key);
  await until('taken', async () => (await shownBy(url, ca)) === fingerprintOf(second));
  t.same(certificate.warnings(), []);

  const expired = await authority.make('expired', PAST);
  writeFileSync(files.certFile, expired.cert);
  writeFileSync(files.keyFile, expired.key);
  await certificate.reload();
  t.match(certificate.warnings(), [/^tls\.cert: what is there now was not taken/]);
  t.match(said.at(-1), /expired on 2021/);
  t.equal(await shownBy(url, ca), fingerprintOf(second));
  writeFileSync(files.certFile, second.cert);
  writeFileSync(files.keyFile, second.key);
  await certificate.reload();
  t.same(certificate.warnings(), [], 'put back: nothing to say any more');
});

t.test('a certificate that ends soon is told, and when it has ended', async (t) => {
  if (missing !== undefined) return skipAloud(t, 'https', missing);
  const authority = await anAuthority(t);
  const { time, certificate } = await aServer(t, await authority.make('site'));
  t.same(certificate.warnings(), []);
  time.jump(Date.parse('2099-12-28') - time.now());
  t.match(certificate.warnings(), [/in force ends on 2099-12-31/]);
  time.jump(7 * 86_400_000);
  t.match(certificate.warnings(), [/in force ended on 2099-12-31/]);
});

/** Whether somebody who speaks nothing newer is let in. */
async function isLetIn(url: string, version: SecureVersion): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const ciphers = 'DEFAULT@SECLEVEL=0';
  const range = { minVersion: version, maxVersion: version, ciphers };
  const socket = connect({
    host: hostname,
    port: Number(port),
    rejectUnauthorized: false,
    ...range,
  });
  t.teardown(() => socket.destroy());
  return new Promise((resolve) => {
    socket.once('secureConnect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
}

t.test('nothing older than TLS 1.2 is spoken, also after a reload', async (t) => {
  if (missing !== undefined) return skipAloud(t, 'https', missing);
  const authority = await anAuthority(t);
  const pair = await authority.make('site');
  const lax = createServer({ ...pair, minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' });
  lax.on('tlsClientError', () => {});
  lax.listen(0, '127.0.0.1');
  await once(lax, 'listening');
  t.teardown(() => lax.close());
  const { port } = lax.address() as { port: number };
  t.ok(await isLetIn(`https://127.0.0.1:${port}`, 'TLSv1.1'), 'this client can speak it');
  const { files, url, certificate } = await aServer(t, pair);
  const check = async (when: string) => {
    t.notOk(await isLetIn(url, 'TLSv1.1'), `1.1 ${when}`);
    t.ok(await isLetIn(url, 'TLSv1.2'), `1.2 ${when}`);
    t.ok(await isLetIn(url, 'TLSv1.3'), `1.3 ${when}`);
  };
  await check('at first');
  const next = await authority.make('next');
  writeFileSync(files.certFile, next.cert);
  writeFileSync(files.keyFile, next.key);
  await certificate.reload();
  t.equal(await shownBy(url, authority.ca), fingerprintOf(next));
  await check('after a reload');
});

const environment = (home: string, files: { certFile: string; keyFile: string }) => ({
  ...process.env,
  GODOCKER_HOME: home,
  GODOCKER_PORT: '0',
  GODOCKER_LOCAL_MESOS_PORT: '0',
  GODOCKER_CONTAINERIZER: 'process',
  GODOCKER_TLS_CERT: files.certFile,
  GODOCKER_TLS_KEY: files.keyFile,
});

t.test('the service says by name why it does not start', async (t) => {
  if (missing !== undefined) return skipAloud(t, 'https', missing);
  const authority = await anAuthority(t);
  const expired = written(t, await authority.make('expired', PAST));
  const absent = { ...expired, certFile: '/nowhere/site.pem' };
  const cases: [{ certFile: string; keyFile: string }, RegExp][] = [
    [expired, /^godocker: tls\.cert: \S+site\.pem expired on 2021-01-01/m],
    [absent, /^godocker: tls\.cert: \/nowhere\/site\.pem cannot be read \(ENOENT\)/m],
  ];
  for (const [files, says] of cases) {
    const home = temporaryHome(t);
    const env = environment(home, files);
    const ended = await run(process.execPath, [SERVICE, 'up'], { env, limitMs: WAIT_MS });
    t.equal(ended.code, 78, ended.stderr);
    t.match(ended.stderr, says);
    t.notMatch(ended.stderr, /\n {4}at /, 'no stack');
    t.notOk(existsSync(join(home, 'endpoints.json')));
  }
});

/** `godocker up` with TLS, in a process of its own. */
async function up(t: Test, authority: Authority, pair: Pair) {
  const files = written(t, pair);
  const home = temporaryHome(t);
  const logFile = join(home, 'service.log');
  const env = environment(home, files);
  const program = startBackground(process.execPath, [SERVICE, 'up'], { cwd: home, env, logFile });
  t.teardown(() => program.stop());
  const url = await waitFor('the service listens', WAIT_MS, () => {
    if (!program.isRunning()) throw new Error(program.lastWords());
    const file = join(home, 'endpoints.json');
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).web : undefined;
  });
  return { files, program, url: String(url), ca: authority.ca };
}

t.test(
  'SIGHUP takes a new certificate; a request under way is answered on its connection',
  async (t) => {
    if (missing !== undefined) return skipAloud(t, 'https', missing);
    const authority = await anAuthority(t);
    const [first, second] = [await authority.make('first'), await authority.make('second')];
    const { files, program, url, ca } = await up(t, authority, first);
    t.match(url, /^https:\/\/127/);
    const healthy = await ask(`${url}/healthz`, { ca });
    t.equal(healthy.status, 200);
    t.equal(healthy.headers['strict-transport-security'], 'max-age=31536000');

    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.teardown(() => agent.destroy());
    const kept = await ask(`${url}/healthz`, { ca, agent });
    let goOn = () => {};
    const go = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const underWay = ask(`${url}/api/1.0/authenticate`, { ca, agent, go });

    writeFileSync(files.certFile, second.cert);
    writeFileSync(files.keyFile, second.key);
    process.kill(program.pid, 'SIGHUP');
    await waitFor('the new certificate is shown', WAIT_MS, async () =>
      (await shownBy(url, ca)) === fingerprintOf(second) ? true : undefined,
    );
    goOn();
    const answered = await underWay;
    t.equal(answered.status, 401, 'the one under way has its answer');
    t.equal(answered.socket, kept.socket, 'on the connection that was open before');
    t.equal(kept.socket.getPeerCertificate().fingerprint256, fingerprintOf(first));

    const expired = await authority.make('expired', PAST);
    writeFileSync(files.certFile, expired.cert);
    writeFileSync(files.keyFile, expired.key);
    process.kill(program.pid, 'SIGHUP');
    await waitFor('the refusal is told', WAIT_MS, () =>
      /expired on 2021.*the certificate was not taken/.test(program.lastWords()) ? true : undefined,
    );
    t.equal(await shownBy(url, ca), fingerprintOf(second), 'the one in force stays');
    t.ok(program.isRunning());
  },
);
