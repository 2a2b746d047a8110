// Redis that is emptied, killed, held, replaced, or refuses: nobody waits for it, and what it forgot is told anew.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { RedisConfig } from '../../src/contracts/config.js';
import type { News } from '../../src/contracts/live.js';
import type { Log } from '../../src/contracts/log.js';
import { PRESENCE_LASTS_MS, type ProcessCard } from '../../src/contracts/presence.js';
import { instant, jobId } from '../../src/core/units.js';
import { systemRandom, systemTimers } from '../../src/host/system.js';
import { LocalLive } from '../../src/store/live/local-live.js';
import { RedisLive } from '../../src/store/redis/live.js';
import { presenceSuite } from '../contracts/presence.js';
import { freePort, temporaryFolder } from '../support/places.js';
import { hasProgram, run } from '../support/programs.js';
import {
  RedisServer,
  redisAt,
  redisMissing,
  sentinelMissing,
  startSentinel,
} from '../support/redis.js';
import { skipAloud } from '../support/skip.js';
import { sleep, waitFor } from '../support/waiting.js';

const SOON_MS = 30_000;

t.setTimeout(300_000);

const isMissing = (t: Test, missing = redisMissing()): boolean => {
  if (missing !== undefined) skipAloud(t, 'Redis', missing);
  return missing !== undefined;
};

/** Keeps what is logged as text. */
function writingLog(lines: string[]): Log {
  const write = (message: string, facts?: unknown) => {
    lines.push(`${message} ${JSON.stringify(facts)}`);
  };
  return {
    debug: write,
    info: write,
    warn: write,
    error: write,
    with: () => writingLog(lines),
  };
}

/** A process of an installation. */
function processOn(t: Test, config: RedisConfig, installation = 'site') {
  const lines: string[] = [];
  const local = new LocalLive({ changes: null, timers: systemTimers, epoch: randomUUID() });
  const live = new RedisLive({
    ...{ config, installation, local, random: systemRandom, timers: systemTimers },
    log: writingLog(lines),
  });
  t.teardown(() => live.close());
  const heard: string[] = [];
  live.hear({
    submitted: (ids) => heard.push(`submitted ${ids.join(' ')}`),
    killWanted: (id) => heard.push(`kill ${id}`),
    changed: () => heard.push('changed'),
  });
  const news: News[] = [];
  live.news.follow(null, (one) => news.push(one));
  const isOpen = () => waitFor('Redis is reached', SOON_MS, () => live.isOpen);
  const isWarned = (about: RegExp) =>
    waitFor(`it warns: ${about}`, SOON_MS, () => live.warnings().some((one) => about.test(one)));
  return { live, heard, news, lines, isOpen, isWarned };
}

const hears = ({ heard }: { readonly heard: readonly string[] }, what: string) =>
  waitFor(`${what} is heard`, SOON_MS, () => heard.includes(what));

const hasNote = ({ news }: { readonly news: readonly News[] }, id: number) =>
  waitFor(`job ${id} is in the news`, SOON_MS, () =>
    news.some((one) => one.kind === 'notes' && one.notes.some((note) => note.jobId === id)),
  );

const note = (id: number) => [{ jobId: jobId(id), version: 1 }];

const cardOf = (name: string): ProcessCard => ({
  ...{ name, role: 'web', host: 'here', pid: 7, version: '2.0.0' },
  ...{ startedAt: instant(1_800_000_000_000), url: null },
});

t.test('emptied in the middle: listeners read again, and hear what comes', async (t) => {
  if (isMissing(t)) return;
  const server = await RedisServer.start(t);
  const [web, leader] = [processOn(t, redisAt(server.port)), processOn(t, redisAt(server.port))];
  await Promise.all([web.isOpen(), leader.isOpen()]);
  leader.live.news.publish(note(1));
  await hasNote(web, 1);
  await leader.live.presence.beat(cardOf('leader'));
  for (let round = 0; round < 3; round++) {
    const before = web.news.length;
    await server.ask('FLUSHALL');
    await server.ask('SCRIPT', 'FLUSH');
    t.same(await web.live.presence.present(), [], 'forgotten');
    leader.live.news.publish(note(2));
    await waitFor('it is told to read again', SOON_MS, () =>
      web.news.slice(before).some(({ kind }) => kind === 'resync'),
    );
    leader.live.news.publish(note(10 + round));
    await hasNote(web, 10 + round);
    web.live.tell.submitted([jobId(20 + round)]);
    await hears(leader, `submitted ${20 + round}`);
    await leader.live.presence.beat(cardOf('leader'));
    t.match(await web.live.presence.present(), [{ name: 'leader' }], 'and told anew');
  }
  t.same(web.live.warnings(), []);
});

t.test('killed and started again: a warning meanwhile, then all as before', async (t) => {
  if (isMissing(t)) return;
  const server = await RedisServer.start(t);
  const [web, leader] = [processOn(t, redisAt(server.port)), processOn(t, redisAt(server.port))];
  await Promise.all([web.isOpen(), leader.isOpen()]);
  await server.kill9();
  await web.isWarned(/Redis cannot be used .*ECONNREFUSED|closed/);
  const [heard, news] = [leader.heard.length, web.news.length];
  web.live.tell.submitted([jobId(5)]);
  t.same(leader.heard.slice(heard), [], 'lost');
  t.ok(web.heard.includes('submitted 5'), 'but not within the process');
  web.live.news.publish(note(5));
  await hasNote(web, 5);
  leader.live.news.publish(note(6));
  await t.rejects(web.live.presence.present(), 'who asks gets an error');
  await server.startAgain();
  await waitFor('the leader looks again', SOON_MS, () =>
    leader.heard.slice(heard).includes('changed'),
  );
  await waitFor('listeners read again', SOON_MS, () =>
    web.news.slice(news).some(({ kind }) => kind === 'resync'),
  );
  await Promise.all([web.isOpen(), leader.isOpen()]);
  t.same([...web.live.warnings(), ...leader.live.warnings()], []);
  web.live.tell.killWanted(jobId(7));
  await hears(leader, 'kill 7');
  leader.live.news.publish(note(8));
  await hasNote(web, 8);
  const warned = web.lines.filter((line) => /cannot be used/.test(line));
  t.ok(warned.length <= 3, `said once for each reason, not for each try: ${warned.length}`);
});

t.test('held for a while: nothing waits, nothing piles up, and it heals', async (t) => {
  if (isMissing(t)) return;
  const server = await RedisServer.start(t);
  const [web, leader] = [processOn(t, redisAt(server.port)), processOn(t, redisAt(server.port))];
  await Promise.all([web.isOpen(), leader.isOpen()]);
  process.kill(server.pid, 'SIGSTOP');
  try {
    for (let n = 0; n < 100; n++) {
      web.live.tell.submitted([jobId(100 + n)]);
      web.live.news.publish(note(100 + n));
      await sleep(1);
    }
    await web.isWarned(/Redis cannot be used/);
    await leader.isWarned(/Redis cannot be used/);
    await t.rejects(web.live.presence.beat(cardOf('web')), 'without waiting for ever');
    t.equal(web.heard.filter((one) => one.startsWith('submitted')).length, 100);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await Promise.all([web.isOpen(), leader.isOpen()]);
  web.live.tell.killWanted(jobId(9));
  await hears(leader, 'kill 9');
  leader.live.news.publish(note(9));
  await hasNote(web, 9);
  t.same(web.live.warnings(), []);
});

t.test('a wrong password is told in the words of the server; the right one works', async (t) => {
  if (isMissing(t)) return;
  const secret = 'hush-hush-hush';
  const server = await RedisServer.start(t, { args: ['--requirepass', secret] });
  const wrong = processOn(t, redisAt(server.port, { password: 'guess-guess' }));
  const none = processOn(t, redisAt(server.port));
  await wrong.isWarned(/WRONGPASS|invalid/);
  await none.isWarned(/NOAUTH/);
  t.notMatch(wrong.lines.join('\n'), /guess-guess/, 'the password is not logged');
  const one = processOn(t, redisAt(server.port, { password: secret, database: 3 }));
  const other = processOn(t, redisAt(server.port, { password: secret, database: 3 }));
  await Promise.all([one.isOpen(), other.isOpen()]);
  one.live.tell.killWanted(jobId(1));
  await hears(other, 'kill 1');
});

t.test('an account that may do what the guide says is enough', async (t) => {
  if (isMissing(t)) return;
  const server = await RedisServer.start(t);
  const rights =
    '~{god:* &{god:* -@all +@connection +@pubsub +@scripting +@read +@write +info +time';
  await server.ask('ACL', 'SETUSER', 'godocker', 'on', '>secret', ...rights.split(' '));
  const account = { user: 'godocker', password: 'secret' };
  const config = redisAt(server.port, account);
  const [one, other] = [processOn(t, config), processOn(t, config)];
  await Promise.all([one.isOpen(), other.isOpen()]);
  one.live.news.publish(note(1));
  await hasNote(other, 1);
  await one.live.presence.beat(cardOf('one'));
  t.match(await other.live.presence.present(), [{ name: 'one' }]);
  const outside = processOn(t, redisAt(server.port, { ...account, prefix: 'other' }));
  await outside.isWarned(/NOPERM/);
});

t.test('a server that passes on messages and refuses the rest is told as such', async (t) => {
  if (isMissing(t)) return;
  const server = await RedisServer.start(t);
  const rights = '~{god:* &{god:* -@all +@connection +@pubsub +info';
  await server.ask('ACL', 'SETUSER', 'godocker', 'on', '>secret', ...rights.split(' '));
  const config = redisAt(server.port, { user: 'godocker', password: 'secret' });
  const [one, other] = [processOn(t, config), processOn(t, config)];
  await Promise.all([one.isOpen(), other.isOpen()]);
  one.live.tell.killWanted(jobId(1));
  await hears(other, 'kill 1');
  for (let n = 0; n < 5; n++) one.live.news.publish(note(n + 1));
  await one.isWarned(/does not pass on changes of jobs \(.*NOPERM/);
  await hasNote(one, 5);
  const warned = one.lines.filter((line) => /does not pass on/.test(line));
  t.equal(warned.length, 1, 'once');
  await server.ask('ACL', 'SETUSER', 'godocker', '+@scripting', '+@read', '+@write', '+time');
  one.live.news.publish(note(9));
  await waitFor('it is taken', SOON_MS, () => one.live.warnings().length === 0);
});

t.test('two installations, or prefixes, on one Redis do not meet', async (t) => {
  if (isMissing(t)) return;
  const server = await RedisServer.start(t);
  const config = redisAt(server.port);
  const here = processOn(t, config, 'here');
  const twin = processOn(t, config, 'here');
  const there = processOn(t, config, 'there');
  const named = processOn(t, redisAt(server.port, { prefix: 'trial' }), 'here');
  await Promise.all([here, twin, there, named].map(({ isOpen }) => isOpen()));
  here.live.tell.killWanted(jobId(1));
  here.live.news.publish(note(1));
  await here.live.presence.beat(cardOf('here'));
  await hears(twin, 'kill 1');
  await hasNote(twin, 1);
  for (const other of [there, named]) {
    t.notOk(other.heard.includes('kill 1'));
    t.notOk(other.news.some(({ kind }) => kind === 'notes'));
    t.same(await other.live.presence.present(), []);
  }
  const keys = (await server.ask('KEYS', '*')) as readonly string[];
  t.ok(
    keys.every((key) => /^\{(god|trial):(here|there)\}:/.test(key)),
    `every key has the prefix: ${keys.join(' ')}`,
  );
});

t.test('presence, as in every registry of processes', async (t) => {
  if (isMissing(t)) return;
  const server = await RedisServer.start(t);
  let sites = 0;
  await presenceSuite(t, async (t) => {
    const site = `site-${++sites}`;
    const open = async () => {
      const { live, isOpen } = processOn(t, redisAt(server.port), site);
      await isOpen();
      return live.presence;
    };
    return { open, later: (ms) => aged(server, `{god:${site}}:processes`, ms) };
  });
});

/** As if so much time had passed since each sign of life. */
async function aged(server: RedisServer, key: string, ms: number): Promise<void> {
  const all = (await server.ask('HGETALL', key)) as readonly string[];
  for (let at = 0; at + 1 < all.length; at += 2) {
    const [seen = '', ...card] = (all[at + 1] ?? '').split(' ');
    const value = [Number(seen) - ms, ...card].join(' ');
    await server.ask('HSET', key, all[at] ?? '', value);
  }
}

t.test('presence: told, seen by others, forgotten by itself or at once', async (t) => {
  if (isMissing(t)) return;
  const server = await RedisServer.start(t);
  const [one, other] = [processOn(t, redisAt(server.port)), processOn(t, redisAt(server.port))];
  await Promise.all([one.isOpen(), other.isOpen()]);
  const { presence } = one.live;
  t.same(await presence.present(), []);
  await presence.beat(cardOf('one'));
  await other.live.presence.beat(cardOf('other'));
  const seen = await presence.present();
  t.same(seen.map(({ name }) => name).sort(), ['one', 'other']);
  t.match(seen[0], { role: 'web', host: 'here', pid: 7, url: null });
  const [seconds] = (await server.ask('TIME')) as readonly string[];
  t.ok(Math.abs(Number(seen[0]?.seenAt) - Number(seconds) * 1_000) < 60_000, 'by its clock');
  await presence.leave('other');
  t.match(await presence.present(), [{ name: 'one' }]);
  const key = '{god:site}:processes';
  const long = Date.now() - PRESENCE_LASTS_MS - 1_000;
  await server.ask('HSET', key, 'silent', `${long} ${JSON.stringify(cardOf('silent'))}`);
  await server.ask('HSET', key, 'odd', 'nonsense');
  await server.ask('HSET', key, 'newer', `${Date.now()} [1`);
  t.match(await presence.present(), [{ name: 'one' }], 'what cannot be read hides nobody');
  t.equal(await server.ask('HEXISTS', key, 'silent'), 0, 'who was silent is forgotten');
  t.ok(Number(await server.ask('PTTL', key)) > 0, 'and all of it, in the end');
});

t.test('what others write on our channels is passed over', async (t) => {
  if (isMissing(t)) return;
  const server = await RedisServer.start(t);
  const [one, other] = [processOn(t, redisAt(server.port)), processOn(t, redisAt(server.port))];
  await Promise.all([one.isOpen(), other.isOpen()]);
  const odd = ['', 'nonsense', '[]', 'null', '{"from":7}', '{"from":"x","submitted":"all"}'];
  odd.push('{"from":"x","kills":[-1,1.5,"7",null]}', '{"from":"x","later":[1]}');
  for (const text of odd) {
    await server.ask('PUBLISH', '{god:site}:tidings', text);
    await server.ask('PUBLISH', '{god:site}:news-told', text);
  }
  await server.ask('PUBLISH', '{god:site}:tidings', '{"from":"x","kills":[77],"later":true}');
  await hears(one, 'kill 77');
  t.same(
    one.heard.filter((what) => what !== 'changed'),
    ['kill 77'],
  );
  other.live.news.publish(note(3));
  await hasNote(one, 3);
});

t.test('a Sentinel makes another server the master: it is followed', async (t) => {
  if (isMissing(t, sentinelMissing())) return;
  const { master, replica, sentinelPort } = await startSentinel(t, 'ours');
  const config = redisAt(sentinelPort, { kind: 'sentinel', masterName: 'ours' });
  const [web, leader] = [processOn(t, config), processOn(t, config)];
  await Promise.all([web.isOpen(), leader.isOpen()]);
  web.live.tell.killWanted(jobId(1));
  await hears(leader, 'kill 1');
  const before = web.news.length;
  await master.kill9();
  await web.isWarned(/Redis cannot be used/);
  await waitFor('the replica is the master', SOON_MS, async () =>
    // It closes connections while it becomes one.
    replica.ask('INFO', 'replication').then(
      (info) => /role:master/.test(String(info)),
      () => false,
    ),
  );
  await Promise.all([web.isOpen(), leader.isOpen()]);
  web.live.tell.killWanted(jobId(2));
  await hears(leader, 'kill 2');
  leader.live.news.publish(note(2));
  await waitFor('listeners read again, or hear it', SOON_MS, () => web.news.length > before);
  t.ok(
    web.news.slice(before).some(({ kind }) => kind === 'resync'),
    'what the former master had not passed on may be missing',
  );
});

t.test('a server that is not there yet is used once it is', async (t) => {
  if (isMissing(t)) return;
  const port = await freePort();
  const [web, leader] = [processOn(t, redisAt(port)), processOn(t, redisAt(port))];
  await web.isWarned(/ECONNREFUSED/);
  await RedisServer.start(t, { port });
  await Promise.all([web.isOpen(), leader.isOpen()]);
  web.live.tell.submitted([jobId(1)]);
  await hears(leader, 'submitted 1');
  t.same(web.live.warnings(), []);
});

/** An authority, and what it vouches for: the server under this address, and us. */
async function papers(t: Test) {
  const folder = temporaryFolder(t, 'redis-tls');
  const make = async (name: string, ...more: readonly string[]) => {
    const [keyFile, certFile] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
    const { code, stderr } = await run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-subj', `/CN=${name}`, '-keyout', keyFile, '-out', certFile, ...more],
    ]);
    if (code !== 0) throw new Error(stderr);
    return { keyFile, certFile };
  };
  const ca = await make('authority');
  const leaf = ['-CA', ca.certFile, '-CAkey', ca.keyFile];
  leaf.push('-addext', 'basicConstraints=critical,CA:FALSE');
  return {
    ca: ca.certFile,
    server: await make('redis', ...leaf, '-addext', 'subjectAltName=IP:127.0.0.1'),
    client: await make('godocker', ...leaf),
  };
}

t.test('TLS, with certificates on both sides', async (t) => {
  if (isMissing(t)) return;
  if (!hasProgram('openssl')) return skipAloud(t, 'TLS to Redis', 'openssl is not installed');
  const { ca, server, client } = await papers(t);
  const tlsPort = await freePort();
  const files = ['--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile];
  await RedisServer.start(t, {
    args: ['--tls-port', String(tlsPort), '--tls-ca-cert-file', ca, ...files],
  });
  const known = processOn(t, redisAt(tlsPort, { tls: { ca, client } }));
  const other = processOn(t, redisAt(tlsPort, { tls: { ca, client } }));
  await Promise.all([known.isOpen(), other.isOpen()]);
  known.live.tell.killWanted(jobId(1));
  await hears(other, 'kill 1');
  const stranger = processOn(t, redisAt(tlsPort, { tls: { ca: null, client } }));
  await stranger.isWarned(/certificate|self.signed/i);
  const unknown = processOn(t, redisAt(tlsPort, { tls: { ca, client: null } }));
  await unknown.isWarned(/Redis cannot be used/);
  t.notOk(stranger.live.isOpen || unknown.live.isOpen);
});
