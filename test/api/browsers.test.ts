// What browsers are told: whose pages may read the API, and headers that keep them careful, on every kind of answer.
import t, { type Test } from 'tap';
import { readConfig } from '../../src/config/read.js';
import { type AService, type Asked, aService, aTask, lead } from './a-service.js';

const PORTAL = 'https://portal.site';
const settings = { cors: { origins: [PORTAL, 'http://localhost:8080'] } };
const PREFLIGHT = { 'access-control-request-method': 'PUT' };

const corsOf = (headers: Readonly<Record<string, unknown>>) =>
  Object.keys(headers).filter((name) => name.startsWith('access-control-'));

/** `OPTIONS`, which nothing but browsers sends. */
const preflight = ({ ask }: AService, path: string, headers: Record<string, string>) =>
  ask(path, { method: 'OPTIONS', headers, token: null });

t.test('a page of a named origin may ask, and reads refusals too', async (t) => {
  const { ask } = await aService(t, { settings });
  for (const origin of [PORTAL, 'http://localhost:8080']) {
    const answer = await ask('/api/1.0/task/active', { headers: { origin } });
    t.equal(answer.statusCode, 200);
    t.equal(answer.headers['access-control-allow-origin'], origin);
    t.match(answer.headers['access-control-expose-headers'], /X-Request-Id/);
    t.match(answer.headers.vary, /Origin/);
  }
  const cases: [string, Asked, number][] = [
    ['/api/1.0/task/active', { token: null }, 401],
    ['/api/1.0/nothing', {}, 404],
    ['/api/1.0/task/active', { method: 'DELETE' }, 405],
    ['/api/1.0/task', { raw: '{' }, 400],
  ];
  for (const [path, asked, status] of cases) {
    const answer = await ask(path, { ...asked, headers: { origin: PORTAL } });
    t.equal(answer.statusCode, status);
    t.equal(answer.headers['access-control-allow-origin'], PORTAL, `${status}`);
  }
});

t.test('credentials of the browser are never asked for', async (t) => {
  const service = await aService(t, { settings });
  const plain = await service.ask('/api/1.0/ping', { headers: { origin: PORTAL } });
  t.notOk('access-control-allow-credentials' in plain.headers);
});

t.test('every other origin is told nothing', async (t) => {
  const { ask } = await aService(t, { settings });
  const others = [
    'null',
    '*',
    'https://portal.site:443',
    'https://portal.site.evil.org',
    'https://evil-portal.site',
    'http://portal.site',
    'https://PORTAL.site',
    `${PORTAL}/`,
    `${PORTAL}, https://evil.org`,
  ];
  for (const origin of others) {
    const answer = await ask('/api/1.0/task/active', { headers: { origin } });
    t.equal(
      answer.statusCode,
      200,
      'whoever has a token is answered: it is for browsers to refuse',
    );
    t.same(corsOf(answer.headers), [], origin);
    t.match(answer.headers.vary, /Origin/, 'caches keep them apart');
  }
  const pages = await ask('/app/', { headers: { origin: PORTAL } });
  t.same(corsOf(pages.headers), [], 'pages are nobody else’s');
  const unset = await aService(t);
  const answer = await unset.ask('/api/1.0/task/active', { headers: { origin: PORTAL } });
  t.same(corsOf(answer.headers), [], 'nobody is named: nobody may');
});

t.test('a browser that asks first is told what may be sent', async (t) => {
  const service = await aService(t, { settings });
  const path = '/api/1.0/task/1';
  const allowed = await preflight(service, path, { ...PREFLIGHT, origin: PORTAL });
  t.equal(allowed.statusCode, 200);
  t.equal(allowed.body, '');
  t.equal(allowed.headers['access-control-allow-origin'], PORTAL);
  t.match(allowed.headers['access-control-allow-methods'], /\bPUT\b.*\bDELETE\b/);
  const names = String(allowed.headers['access-control-allow-headers']).toLowerCase().split(', ');
  for (const name of ['authorization', 'content-type', 'idempotency-key', 'x-godocker-act-for'])
    t.ok(names.includes(name), name);
  t.notOk(names.includes('x-remote-user'), 'who vouches for somebody is a proxy, never a page');
  t.notOk(names.includes('*'));
  t.notOk('access-control-allow-credentials' in allowed.headers);
});

t.test('others get what OPTIONS always got', async (t) => {
  const service = await aService(t, { settings });
  const path = '/api/1.0/task/1';
  const cases: Record<string, Record<string, string>> = {
    'another origin': { ...PREFLIGHT, origin: 'https://evil.org' },
    'no origin': PREFLIGHT,
    'no question': { origin: PORTAL },
  };
  for (const [name, headers] of Object.entries(cases)) {
    const answer = await preflight(service, path, headers);
    t.equal(answer.statusCode, 405, name);
    t.notOk('access-control-allow-methods' in answer.headers, name);
  }
});

t.test('an origin stands in the configuration as browsers send it', async (t) => {
  const bad = [
    '*',
    'portal.site',
    'https://portal.site/',
    'https://Portal.site',
    'null',
    'ftp://a',
  ];
  for (const origin of [...bad, 'https://a.org/x', 'https://u:p@a.org', 'https://a.org:443']) {
    const overrides = { cors: { origins: [origin] } };
    const answer = readConfig({ environment: {}, overrides, directory: '/nowhere' });
    if (answer.kind === 'read') t.fail(`${origin} was taken`);
    else t.match(answer.problems, [{ path: 'cors.origins', found: origin }], origin);
  }
});

/** On each answer, whatever it is. */
function isCareful(t: Test, headers: Readonly<Record<string, unknown>>, name: string): void {
  t.equal(headers['x-content-type-options'], 'nosniff', name);
  t.equal(headers['x-frame-options'], 'DENY', name);
  t.equal(headers['referrer-policy'], 'no-referrer', name);
  t.equal(headers['cross-origin-resource-policy'], 'same-origin', name);
  t.equal(headers['cross-origin-opener-policy'], 'same-origin', name);
  t.match(headers['permissions-policy'], /camera=\(\)/, name);
  t.match(headers['content-security-policy'], /default-src 'none'/, name);
  t.notMatch(headers['content-security-policy'], /unsafe|\*/, name);
  t.notOk('x-powered-by' in headers || 'server' in headers, `${name}: says not what it is made of`);
  t.notOk('set-cookie' in headers, `${name}: sets no cookie`);
}

t.test('every kind of answer keeps browsers careful', async (t) => {
  const broken = async () => Promise.reject(new Error('broken'));
  const service = await aService(t, { deps: { shares: broken } });
  const { ask, submit, directory } = service;
  const id = await submit(aTask());
  await lead(service, id, 'running', directory);
  const cases: [string, Asked, number][] = [
    ['/api/1.0/task/active', {}, 200],
    ['/api/1.0/task/active', { method: 'HEAD' }, 200],
    ['/api/1.0/docs', { token: null }, 200],
    ['/api/1.0/openapi.json', { token: null }, 200],
    [`/api/1.0/task/${id}/files/`, {}, 200],
    [`/api/1.0/task/${id}/files/jobs.db`, {}, 200],
    ['/healthz', { token: null }, 200],
    ['/metrics', { token: null }, 200],
    ['/%zz', {}, 400],
    ['/api/1.0/task', { raw: '{' }, 400],
    ['/api/1.0/task/active', { token: null }, 401],
    ['/api/1.0/audit', {}, 403],
    ['/nothing', {}, 404],
    ['/api/1.0/task/active', { method: 'PUT', body: {} }, 405],
    ['/api/1.0/task', { raw: ' '.repeat(2 * 1024 * 1024 + 1) }, 413],
    ['/api/1.0/share', {}, 500],
  ];
  for (const [path, asked, status] of cases) {
    const { statusCode, headers } = await ask(path, asked);
    const name = `${asked.method ?? ''} ${path} ${status}`;
    t.equal(statusCode, status, name);
    isCareful(t, headers, name);
    t.notOk('strict-transport-security' in headers, `${name}: not over plain HTTP`);
    if (path.startsWith('/api/') && !path.includes('/files/'))
      t.match(headers['cache-control'], /no-store/, name);
  }
});

t.test('HTTPS is asked for where it is: here, or at a proxy that may say so', async (t) => {
  const hstsOf = async (more: Record<string, unknown>, headers: Record<string, string>) =>
    (await (await aService(t, { settings: more })).ask('/healthz', { headers })).headers[
      'strict-transport-security'
    ];
  const forwarded = { 'x-forwarded-proto': 'https' };
  const tls = { cert: '/nowhere/site.pem', key: '/nowhere/site.key' };
  t.equal(await hstsOf({ tls }, {}), 'max-age=31536000');
  t.equal(await hstsOf({ behind_proxy: true }, forwarded), 'max-age=31536000');
  t.equal(await hstsOf({ behind_proxy: true }, {}), undefined);
  t.equal(await hstsOf({}, forwarded), undefined, 'nobody vouches for that header');
});
