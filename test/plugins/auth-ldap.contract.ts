// People of a directory: a real slapd, in the clear, with StartTLS and LDAPS, stopped and started.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import authLdap from '../../plugins/auth-ldap/index.js';
import { makeUser, newKey } from '../../src/api/accounts.js';
import type { Authenticator } from '../../src/contracts/auth.js';
import type { Log } from '../../src/contracts/log.js';
import { type Raw, Reader } from '../../src/contracts/reader.js';
import { instant, userId } from '../../src/core/units.js';
import { hostOf, NOW } from '../api/a-service.js';
import { MemoryStore } from '../support/memory-store.js';
import { temporaryFolder } from '../support/places.js';
import { skipAloud } from '../support/skip.js';
import { BASE, READER, type Slapd, slapdMissing, startSlapd } from '../support/slapd.js';

t.setTimeout(300_000);

const PASSWORD = 'Passwort mit Umlaut: ä';
const KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0dXr8pX5Wm2sWQkAFzRzBvXO3oT3kzq1n0iP2gQm5D carol';

const person = (uid: string, uidNumber: number, more = '', cn = uid): string =>
  `
dn: cn=${cn},ou=People,${BASE}
objectClass: inetOrgPerson
objectClass: posixAccount
objectClass: ldapPublicKey
cn: ${cn}
sn: ${uid}
uid: ${uid}
uidNumber: ${uidNumber}
gidNumber: 5000
homeDirectory: /home/${uid}
userPassword: ${PASSWORD}
${more}`.trimEnd();

const group = (cn: string, gid: number, members: readonly string[]): string =>
  [
    `\ndn: cn=${cn},ou=Groups,${BASE}`,
    'objectClass: posixGroup',
    `cn: ${cn}`,
    `gidNumber: ${gid}`,
    ...members.map((member) => `memberUid: ${member}`),
  ].join('\n');

const PEOPLE = [
  person('carol', 2001, `mail: carol@site.org\nsshPublicKey: ${KEY}`),
  person('dave', 2002),
  person('erin', 2003, '', 'Erin (née *) \\2B Müller'),
  person('system', 999),
  person('toor', 0),
  person('bad/login', 2010),
  person('twin1', 2020, 'mail: twins@site.org'),
  person('twin2', 2021, 'mail: twins@site.org'),
  group('wheel', 0, ['carol']),
  group('dna', 6001, ['carol', 'dave']),
  group('rna', 6002, ['carol']),
  group('god-admins', 6003, ['dave']),
].join('\n');

interface Site {
  readonly auth: Authenticator;
  readonly store: MemoryStore;
  readonly later: (ms: number) => void;
  readonly warned: string[];
  /** Another process of the same site. */
  readonly again: () => Authenticator;
}

function siteOf(raw: Raw): Site {
  const store = new MemoryStore();
  const warned: string[] = [];
  let now = Number(NOW);
  const clock = { now: () => instant(now), monotonicMs: () => now };
  const warn = (message: string) => void warned.push(message);
  const log: Log = { debug: () => {}, info: () => {}, warn, error: warn, with: () => log };
  const again = () => {
    const reader = new Reader(raw);
    const options = authLdap.options(reader);
    reader.refuseUnread();
    if (reader.problems.length > 0) throw new Error(JSON.stringify(reader.problems));
    return authLdap.create(options, { ...hostOf(store, [], clock), log });
  };
  const later = (ms: number) => {
    now += ms;
  };
  return { auth: again(), store, later, warned, again };
}

async function directory(t: Test, isClosed = false): Promise<Slapd | undefined> {
  const missing = slapdMissing();
  if (missing === undefined) return startSlapd(t, { people: PEOPLE, isClosed });
  skipAloud(t, 'slapd', missing);
  return undefined;
}

const plain = ({ port }: Slapd, more: Raw = {}): Raw => ({
  host: ['127.0.0.1'],
  port,
  dn: BASE,
  ...more,
});

t.test('people sign in with what the directory knows of them', async (t) => {
  const slapd = await directory(t);
  if (slapd === undefined) return;
  const { auth, store } = siteOf(plain(slapd, { admin_groups: ['god-admins'] }));
  const carol = await auth.bindCredentials('carol', PASSWORD);
  t.match(carol, {
    id: 'carol',
    isAdmin: false,
    sshPublicKey: KEY,
    identity: { uid: 2001, gid: 5000, home: '/home/carol', email: 'carol@site.org' },
    prio: 50,
  });
  t.strictSame(carol?.identity.sgids, [6001, 6002], 'secondary groups, without that of root');
  t.match(await store.user(userId('carol')), { from: 'ldap', passwordHash: null, keys: [] });
  t.equal((await auth.bindCredentials('carol@site.org', PASSWORD))?.id, 'carol', 'with the mail');
  t.equal((await auth.bindCredentials('CAROL', PASSWORD))?.id, 'carol', 'as it is written there');
  t.equal(
    (await auth.bindCredentials('dave', PASSWORD))?.isAdmin,
    true,
    'a group of administrators',
  );
  t.equal((await auth.bindCredentials('erin', PASSWORD))?.id, 'erin', 'any letters in the entry');
  t.equal((await auth.user('dave'))?.isAdmin, true);
  t.equal((await auth.user('CAROL'))?.id, undefined, 'one login is one account');
});

t.test('nobody else gets in', async (t) => {
  const slapd = await directory(t);
  if (slapd === undefined) return;
  const { auth, store, warned } = siteOf(plain(slapd));
  for (const [login, password] of [
    ['carol', 'wrong'],
    ['carol', ''],
    ['nobody', PASSWORD],
    ['', PASSWORD],
    ['', ''],
    ['*', PASSWORD],
    ['car*', PASSWORD],
    ['carol)(uid=*', PASSWORD],
    ['*)(|(objectClass=*', PASSWORD],
    ['carol\0', PASSWORD],
    ['\\2a', PASSWORD],
    ['c'.repeat(10_000), PASSWORD],
    ['system', PASSWORD],
    ['toor', PASSWORD],
    ['bad/login', PASSWORD],
    ['twins@site.org', PASSWORD],
    ['reader', READER.password],
  ] as const)
    t.equal(
      await auth.bindCredentials(login, password),
      undefined,
      JSON.stringify(login.slice(0, 40)),
    );
  t.strictSame(await store.users(), [], 'and nobody has an account by trying');
  t.ok(warned.includes('somebody of the directory cannot have an account'));
  t.ok(warned.includes('a login that several have opens nothing'));
  const all = siteOf(plain(slapd, { uid_min: 1 })).auth;
  t.equal((await all.bindCredentials('system', PASSWORD))?.identity.uid, 999, 'the site decides');
  t.equal(await all.bindCredentials('toor', PASSWORD), undefined, 'but root is nobody');
});

t.test('a directory that is closed is searched by its reader', async (t) => {
  const slapd = await directory(t, true);
  if (slapd === undefined) return;
  const anonymous = siteOf(plain(slapd)).auth;
  const nobody = anonymous.bindCredentials('carol', PASSWORD);
  await t.rejects(
    nobody,
    { code: 'auth-unavailable' },
    'what hides its base does not say who is gone',
  );
  const reader = { admin_dn: READER.dn, admin_password: READER.password };
  t.equal(
    (await siteOf(plain(slapd, reader)).auth.bindCredentials('carol', PASSWORD))?.id,
    'carol',
  );
  const wrong = siteOf(plain(slapd, { ...reader, admin_password: 'wrong' })).auth;
  await t.rejects(wrong.bindCredentials('carol', PASSWORD), { code: 'auth-unavailable' });
});

t.test('LDAPS and StartTLS, with the right authority only', async (t) => {
  const slapd = await directory(t);
  if (slapd === undefined) return;
  const { port, tlsPort, caFile, otherCaFile } = slapd;
  const ways = { ssl: { ssl: true, port: tlsPort }, starttls: { starttls: true, port } };
  for (const [way, raw] of Object.entries(ways)) {
    const at = (more: Raw) => siteOf(plain(slapd, { ...raw, ...more })).auth;
    t.equal((await at({ ca: caFile }).bindCredentials('carol', PASSWORD))?.id, 'carol', way);
    t.equal(await at({ ca: caFile }).bindCredentials('carol', 'wrong'), undefined, way);
    for (const more of [{ ca: otherCaFile }, {}, { ca: caFile, host: ['localhost'] }])
      await t.rejects(
        at(more).bindCredentials('carol', PASSWORD),
        { code: 'auth-unavailable' },
        `${way} ${JSON.stringify(Object.keys(more))}`,
      );
  }
});

t.test('while the directory is away, who is known goes on', async (t) => {
  const slapd = await directory(t);
  if (slapd === undefined) return;
  const { auth, store, later, again } = siteOf(plain(slapd, { keep: '1d', refresh: '2m' }));
  await auth.bindCredentials('carol', PASSWORD);
  const { key, stored } = newKey('laptop', { randomBytes, now: NOW });
  await store.changeUser(userId('carol'), (user) => user && { ...user, keys: [stored] });
  await slapd.stop();
  later(10 * 60_000);
  t.equal((await auth.user('carol'))?.id, 'carol');
  t.equal((await auth.bindApi('carol', key))?.person.id, 'carol');
  t.equal(
    (await again().user('carol'))?.identity.uid,
    2001,
    'a process that starts meanwhile, too',
  );
  await t.rejects(auth.bindCredentials('carol', PASSWORD), { code: 'auth-unavailable' });
  await t.rejects(auth.user('dave'), { code: 'auth-unavailable' }, 'of others nothing is known');
  later(86_400_000);
  await t.rejects(auth.user('carol'), { code: 'auth-unavailable' }, 'not for ever');
  await slapd.startAgain();
  later(10_000);
  t.equal((await auth.bindCredentials('carol', PASSWORD))?.id, 'carol', 'and it is back');
  t.equal((await auth.user('dave'))?.id, 'dave');
});

t.test('who has left the directory is nobody within minutes', async (t) => {
  const slapd = await directory(t);
  if (slapd === undefined) return;
  const { auth, store, later } = siteOf(plain(slapd));
  await auth.bindCredentials('dave', PASSWORD);
  const { key, stored } = newKey('laptop', { randomBytes, now: NOW });
  await store.changeUser(userId('dave'), (user) => user && { ...user, prio: 70, keys: [stored] });
  await slapd.change(`dn: cn=dave,ou=People,${BASE}\nchangetype: delete\n`);
  t.ok(await auth.user('dave'), 'the answer of a moment ago');
  later(121_000);
  t.equal(await auth.user('dave'), undefined);
  t.equal(await auth.bindApi('dave', key), undefined);
  t.equal(await auth.bindCredentials('dave', PASSWORD), undefined);

  const add = (uid: number) =>
    person('dave', uid).replace('\nobjectClass', '\nchangetype: add\nobjectClass');
  await slapd.change(add(2002).trim());
  later(121_000);
  t.equal((await auth.bindApi('dave', key))?.person.prio, 70, 'who comes back has everything back');
  await slapd.change(`dn: cn=dave,ou=People,${BASE}\nchangetype: delete\n`);
  await slapd.change(add(2999).trim());
  later(121_000);
  t.match(await auth.user('dave'), { identity: { uid: 2999 }, keys: [] });
  t.equal(await auth.bindApi('dave', key), undefined, 'another person of that login has not');
});

t.test('of several servers one has to answer', async (t) => {
  const slapd = await directory(t);
  if (slapd === undefined) return;
  const host = ['127.0.0.1:1', `127.0.0.1:${slapd.port}`];
  const { auth } = siteOf(plain(slapd, { host }));
  t.equal((await auth.bindCredentials('carol', PASSWORD))?.id, 'carol');
});

t.test('accounts made here are ours, whatever the directory has', async (t) => {
  const slapd = await directory(t);
  if (slapd === undefined) return;
  const { auth, store } = siteOf(plain(slapd));
  const identity = { uid: 1001, gid: 1001, sgids: [], home: '/', email: null };
  const made = await makeUser(
    { login: 'carol', password: null, identity, isAdmin: true },
    { randomBytes, now: NOW },
  );
  await store.putUser({ ...made.record, from: 'local' });
  t.equal(await auth.bindCredentials('carol', PASSWORD), undefined, 'no administrator by a name');
  t.match(await auth.user('carol'), { isAdmin: true, identity: { uid: 1001 } });
  t.equal((await auth.bindApi('carol', made.key))?.person.id, 'carol');
});

t.test('bad options are told by name', async (t) => {
  const folder = temporaryFolder(t, 'ldap');
  const file = join(folder, 'password');
  writeFileSync(file, 'secret\n');
  const problems = (raw: Raw) => {
    const reader = new Reader(raw, undefined, undefined, (file) => readFileSync(file, 'utf8'));
    authLdap.options(reader);
    reader.refuseUnread();
    return reader.problems.map(({ path }) => path);
  };
  const good = { host: 'ldap1,ldap2:1389,[::1]', dn: BASE, admin_dn: READER.dn };
  t.same(problems({ ...good, admin_password_file: file }), []);
  t.same(problems({}), ['dn', 'host']);
  t.same(problems({ ...good }), ['admin_password']);
  t.same(problems({ ...good, admin_password: 'x', ca: join(folder, 'none') }), ['ca']);
  const more = { ...good, admin_password: 'x', preset: 'ad', keep: '1h' };
  t.same(problems(more), []);
  t.same(problems({ ...more, ssl: true, starttls: true }), ['starttls']);
  t.same(problems({ ...more, filter: 'uid=x', ids: ['a)(b'] }), ['ids', 'filter']);
  t.same(problems({ ...more, host: 'ldap://x', uid_min: 0, refresh: 0 }), [
    'host',
    'host',
    'uid_min',
    'refresh',
  ]);
  t.same(problems({ ...more, hots: 'x' }), ['hots']);
});
