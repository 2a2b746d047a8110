// Hostile input to every declared route: a refusal with a code, never a 500, never a trace of how we are made.
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Response } from 'light-my-request';
import t, { type Test } from 'tap';
import { ROUTES } from '../../src/api/declared.js';
import type { Example, Route } from '../../src/api/route.js';
import { keyIdIn, sha256Of } from '../../src/contracts/keys.js';
import type { StoredKey } from '../../src/contracts/user.js';
import { projectFile } from '../support/project.js';
import { aService, aTask, lead, NOW } from './a-service.js';
import { aWorld, type World } from './a-world.js';

const TEXTS: Readonly<Record<string, string>> = {
  'line ends and a header': 'x\r\nSet-Cookie: a=b\r\n\r\n<html>',
  'the end of a text in C': 'a\0b',
  'an operator': '{"$gt":""}',
  'an operator in brackets': '[$ne]=1',
  SQL: "1' OR '1'='1'; DROP TABLE jobs; --",
  'a directory above': '../../../etc/passwd',
  'the same, escaped twice': '%2e%2e%2fetc%2fpasswd',
  'a filter of LDAP': '*)(uid=*))(|(uid=*',
  'commands of a terminal': '\u001b]0;owned\u0007\u001b[2J\u009b31m',
  'a template': '{{7*7}}<%= 7*7 %>',
  'words of the language': '__proto__',
  'another one': 'constructor',
  'right to left': '\u202egnp.exe',
  'a great number': '9'.repeat(400),
  'a long text': 'x'.repeat(5_000),
  'no number': 'NaN',
  nothing: '',
};

const nested = (open: string, close: string, levels: number): string =>
  open.repeat(levels) + close.repeat(levels);

const BODIES: Readonly<Record<string, string | Buffer>> = {
  'lists in lists': nested('[', ']', 100_000),
  'objects in objects': `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
  'a document with depths in it': `{"command":{"cmd":"true"},"more":${nested('[', ']', 500_000)}}`,
  'a prototype': '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}',
  'bytes that are no text': Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
  'an overlong slash': Buffer.from([0x22, 0xc0, 0xaf, 0x22]),
  'UTF-16': Buffer.from('\ufeff{"a":1}', 'utf16le'),
  'a mark of byte order': '\ufeff{}',
  'half a text': '{"a":"\\ud8',
  'numbers beyond all': '{"a":1e999,"b":-1e999,"limit":1e400}',
  null: 'null',
  'a NUL': '\0',
};

/** What no answer may have. */
const MADE_OF =
  /node_modules|\bat \S+ \(|\.[jt]s:\d+|SQLITE|MongoServer|TypeError|RangeError|ZodError/;

/** What is wrong with an answer to such input; empty: nothing. One assertion for all, for there are thousands. */
function faultsOf({ statusCode, headers, body }: Response): readonly string[] {
  const faults: string[] = [];
  if (statusCode >= 500) faults.push(`status ${statusCode}`);
  if (MADE_OF.test(body)) faults.push('tells how we are made');
  if ('set-cookie' in headers) faults.push('a header of the caller');
  for (const [name, value] of Object.entries(headers))
    if (/[\r\n\0]/.test(String(value))) faults.push(`${name} has more than a line`);
  if (statusCode >= 400 && !/^\{"code":"[a-z-]+","msg":"/.test(body)) faults.push('no refusal');
  return faults;
}

function holds(t: Test, answer: Response, name: string): void {
  const faults = faultsOf(answer);
  if (faults.length > 0) t.fail(`${name}: ${faults.join('; ')}: ${answer.body.slice(0, 300)}`);
}

/** The same value under each name that a route reads. */
const all = (names: object | undefined, value: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.keys(names ?? {}).map((name) => [name, value]));

async function playWith(world: World, route: Route, change: Partial<Example>): Promise<Response> {
  const [example] = route.examples;
  return world.play(route, { ...example, ...change });
}

/** Those that stop the world for later ones: nothing is submitted during maintenance. */
const isHarmless = ({ path, methods }: Route): boolean =>
  !(path.endsWith('/maintenance') && methods.includes('PUT'));

t.test('a fault would be found', async (t) => {
  const good = { statusCode: 400, headers: {}, body: '{"code":"bad-id","msg":"no"}' };
  const found = (part: object) => faultsOf({ ...good, ...part } as Response);
  t.same(found({}), []);
  t.same(found({ statusCode: 500 }), ['status 500']);
  t.same(found({ body: 'TypeError: x' }), ['tells how we are made', 'no refusal']);
  t.same(found({ headers: { 'set-cookie': 'a=b' } }), ['a header of the caller']);
  t.same(found({ headers: { allow: 'GET\r\nX: y' } }), ['allow has more than a line']);
});

t.test('texts in paths and queries', async (t) => {
  const world = await aWorld(t);
  const asked = ROUTES.filter(({ params, query }) => params ?? query);
  for (const route of asked)
    await t.test(`${route.methods.join(' and ')} ${route.path}`, async (t) => {
      for (const [what, value] of Object.entries(TEXTS)) {
        const [{ params }] = route.examples;
        if (route.params !== undefined)
          holds(t, await playWith(world, route, { params: all(params, value) }), `path: ${what}`);
        if (route.query !== undefined) {
          const query = all(route.query, value);
          holds(t, await playWith(world, route, { query }), `query: ${what}`);
        }
      }
      t.pass(`${Object.keys(TEXTS).length} texts`);
    });
});

const OPERATORS = [{ $gt: '' }, { $where: 'sleep(9)' }, [{ $ne: null }], { $regex: '.*' }];

const SOME = [
  'line ends and a header',
  'the end of a text in C',
  'words of the language',
  'nothing',
].map((what) => TEXTS[what]);

/** The example's body with something else under each of its keys in turn. */
function changedBodies(body: unknown): readonly unknown[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return [];
  const values = [...OPERATORS, ...SOME, '\ud800', -1, 1e300, true, null, []];
  return Object.keys(body).flatMap((key) => values.map((value) => ({ ...body, [key]: value })));
}

t.test('bodies', async (t) => {
  const world = await aWorld(t);
  for (const route of ROUTES.filter((one) => !one.methods.includes('GET') && isHarmless(one)))
    await t.test(`${route.methods.join(' and ')} ${route.path}`, async (t) => {
      const [example] = route.examples;
      for (const [what, raw] of Object.entries(BODIES)) {
        const path = route.path.replace(/[:*](\w+)/g, (_, name) =>
          encodeURIComponent(String(example.params?.[name] ?? '')),
        );
        const as = route.access === 'admin' ? 'root' : 'alice';
        const token = await world.tokenOf(as);
        holds(t, await world.ask(path, { method: route.method, raw, token }), what);
      }
      for (const body of changedBodies(example.body))
        holds(t, await playWith(world, route, { body }), JSON.stringify(body).slice(0, 120));
      t.pass(`${Object.keys(BODIES).length} bodies`);
    });
  t.notOk('isAdmin' in {}, 'nothing has become of all objects');
});

t.test('what is nested without end is refused by name, alone and among many', async (t) => {
  const { ask } = await aService(t);
  const deep = `{"command":{"cmd":"true"},"more":${nested('[', ']', 65)}}`;
  const one = await ask('/api/1.0/task', { raw: deep });
  t.match([one.statusCode, one.json()], [400, { code: 'bad-json', msg: /deeper than 64 levels/ }]);
  const flat = await ask('/api/1.0/task', { body: aTask({ more: { tree: [[[[['leaf']]]]] } }) });
  t.equal(flat.statusCode, 200, 'as documents really are');
  const many = await ask('/api/1.0/tasks', { raw: `[${deep}]` });
  t.match([many.statusCode, many.json()], [400, { code: 'bad-json' }]);
  const lines = await ask('/api/1.0/tasks', {
    raw: `${deep}\n${JSON.stringify(aTask())}\n`,
    headers: { 'content-type': 'application/x-ndjson' },
  });
  t.equal(lines.statusCode, 200, lines.body);
  t.match(lines.body, /deeper than 64 levels/, 'the one line is refused');
  t.match(lines.body, /"id":\d/, 'the other one is taken');
});

t.test('operators sign nobody in', async (t) => {
  const { ask, store } = await aService(t, { hasPassword: true });
  const routes: [string, string][] = [
    ['/api/1.0/authenticate', 'apikey'],
    ['/api/1.0/user/bind', 'password'],
  ];
  for (const [path, secret] of routes)
    for (const wrong of [...OPERATORS, true, 0, '', null, ['alice'], { length: 64 }])
      for (const [user, given] of [
        ['alice', wrong],
        [wrong, 'x'],
        [wrong, wrong],
      ]) {
        const body = { user, uid: user, [secret]: given };
        const answer = await ask(path, { body, token: null });
        t.ok([400, 401].includes(answer.statusCode), `${path} ${JSON.stringify(body)}`);
      }
  t.equal((await store.users()).length, 3, 'and nobody is made');
});

t.test('names of files do not break out of headers', async (t) => {
  const service = await aService(t);
  const { ask, submit, directory } = service;
  const id = await submit();
  await lead(service, id, 'running', directory);
  const names = ['a"\r\nSet-Cookie: x=1', 'b"; filename="c.html', '\u202egnp.html', 'ü ✓.log'];
  for (const name of names) {
    writeFileSync(join(directory, name), 'hello');
    const answer = await ask(`/api/1.0/task/${id}/files/${encodeURIComponent(name)}`);
    t.equal(answer.statusCode, 200, JSON.stringify(name));
    t.equal(answer.body, 'hello');
    t.equal(answer.headers['x-content-type-options'], 'nosniff');
    t.notMatch(answer.headers['content-type'], /html/);
    holds(t, answer, JSON.stringify(name));
  }
  const listed = await ask(`/api/1.0/task/${id}/files/`);
  const found = listed.json<readonly { name: string }[]>().map(({ name }) => name);
  for (const name of names) t.ok(found.includes(name), 'listed as it is, in JSON');
});

t.test('every key is compared, wherever the right one stands', (t) => {
  let compared = 0;
  const key = (text: string): StoredKey => ({
    name: text,
    createdAt: NOW,
    get sha256() {
      compared += 1;
      return sha256Of(text);
    },
  });
  const keys = ['first', 'second', 'third'].map(key);
  const comparedFor = (given: string) => {
    compared = 0;
    const id = keyIdIn(keys, given, NOW);
    return { isFound: id !== undefined, compared: compared - (id === undefined ? 0 : 1) };
  };
  t.same(comparedFor('first'), { isFound: true, compared: 3 });
  t.same(comparedFor('third'), { isFound: true, compared: 3 });
  t.same(comparedFor('wrong'), { isFound: false, compared: 3 });
  t.end();
});

/** Who compares what callers send with a secret; each by the function whose time tells nothing. */
const COMPARERS = [
  'src/contracts/keys.ts',
  'src/api/routes/service.ts',
  'src/localmesos/server.ts',
];
const BY_SIGN =
  /\b(\w*(password|apikey|secret|signature|sha256|digest)) ?[!=]==? ?(?!null\b|undefined\b|''|true\b|false\b|former\b|-1\b)|[!=]== ?(password|apikey|secret)\b/i;

t.test('secrets are compared in constant time', async (t) => {
  for (const file of COMPARERS) {
    const text = await readFile(projectFile(file), 'utf8');
    t.match(text, /timingSafeEqual\(/, file);
    for (const line of text.split('\n').filter((one) => !/typeof/.test(one)))
      t.notMatch(line, BY_SIGN, `${file}: ${line}`);
  }
  t.match('if (given.apikey === stored)', BY_SIGN, 'the rule finds what it is for');
  t.match('secret !== other', BY_SIGN);
});
