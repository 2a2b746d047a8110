// Around the routes: health, numbers, headers, pages, prefix, failures nobody foresaw.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Facts, Log } from '../../src/contracts/log.js';
import { SILENT } from '../../src/contracts/log.js';
import { Bug } from '../../src/core/assert.js';
import { aService } from './a-service.js';

t.test('alive, ready, numbers', async (t) => {
  const reasons: string[] = [];
  const warnings: string[] = [];
  const service = await aService(t, {
    deps: { notReady: () => reasons, warnings: () => warnings },
  });
  const alone = { token: null };
  t.same((await service.ask('/healthz', alone)).json(), { status: 'ok', version: '2.0.0' });
  t.same((await service.ask('/readyz', alone)).json(), { ready: true, reasons: [], warnings });
  warnings.push('1 node is drained: node1');
  const warned = await service.ask('/readyz', alone);
  t.equal(warned.statusCode, 200, 'a warning is no reason not to be ready');
  t.same(warned.json(), { ready: true, reasons: [], warnings });
  reasons.push('not subscribed to a master');
  const waiting = await service.ask('/readyz', alone);
  t.equal(waiting.statusCode, 503);
  t.same(waiting.json(), { ready: false, reasons, warnings });
  await service.ask('/api/1.0/task/17');
  await service.ask('/some/../made-up/17');
  const { body, headers } = await service.ask('/metrics', alone);
  t.match(headers['content-type'], /^text\/plain/);
  t.match(body, /requests_total\{method="GET",route="\/api\/1\.0\/task\/:id",status="404"\} 1/);
  t.notMatch(body, /made-up/, 'paths that users make up are no labels');
});

t.test('browsers are kept careful', async (t) => {
  const service = await aService(t);
  for (const path of ['/api/1.0/config', '/api/1.0/nothing', '/healthz']) {
    const { headers } = await service.ask(path, { token: null });
    t.equal(headers['x-content-type-options'], 'nosniff', path);
    t.match(headers['content-security-policy'], /default-src 'none'/, path);
    t.equal(headers['x-frame-options'], 'DENY', path);
  }
  t.equal((await service.ask('/api/1.0/config')).headers['cache-control'], 'no-store');
});

t.test('pages', async (t) => {
  const pages = join(t.testdirName, 'pages');
  const service = await aService(t, { deps: { pages } });
  mkdirSync(join(pages, 'assets'), { recursive: true });
  writeFileSync(join(pages, 'index.html'), '<!doctype html><title>GoDocker</title>');
  writeFileSync(join(pages, 'assets', 'index-abcd1234.js'), 'export {}');
  writeFileSync(join(pages, '..', 'secret.txt'), 'secret');
  const start = await service.ask('/', { token: null });
  t.equal(start.statusCode, 302);
  t.equal(start.headers.location, '/app/');
  const page = await service.ask('/app/', { token: null });
  t.equal(page.statusCode, 200);
  t.match(page.headers['content-type'], /^text\/html/);
  t.equal(page.headers['cache-control'], 'no-cache');
  const script = await service.ask('/app/assets/index-abcd1234.js', { token: null });
  t.match(script.headers['cache-control'], /immutable/);
  t.match(script.headers['content-type'], /javascript/);
  for (const path of [
    '/app/..%2fsecret.txt',
    '/app/%2e%2e/secret.txt',
    '/app/none.js',
    '/app/assets',
  ]) {
    const answer = await service.ask(path, { token: null });
    t.equal(answer.statusCode, 404, path);
    t.notMatch(answer.body, /^secret/, path);
  }
});

t.test('a prefix before everything', async (t) => {
  const service = await aService(t, { settings: { web_prefix: '/godocker/' } });
  t.equal((await service.ask('/godocker/api/1.0/config', { token: null })).statusCode, 200);
  t.equal((await service.ask('/godocker/healthz', { token: null })).statusCode, 200);
});

t.test('what nobody foresaw is a 500 with a number that stands in the log', async (t) => {
  const errors: Facts[] = [];
  const log: Log = { ...SILENT, error: (_message, facts = {}) => void errors.push(facts) };
  const images = async (): Promise<never> => {
    throw new TypeError('secret detail');
  };
  const service = await aService(t, { deps: { log, images } });
  const answer = await service.ask('/api/1.0/config');
  t.equal(answer.statusCode, 500);
  const { code, incident } = answer.json();
  t.equal(code, 'internal');
  t.notMatch(answer.body, /secret detail/);
  t.match(errors, [{ incident, error: { message: 'secret detail' } }]);
});

t.test('a broken assumption of ours is answered, then stops the process', async (t) => {
  const bugs: Bug[] = [];
  const images = async (): Promise<never> => {
    throw new Bug('expected: the impossible');
  };
  const service = await aService(t, { deps: { images, onBug: (bug) => void bugs.push(bug) } });
  t.equal((await service.ask('/api/1.0/config')).statusCode, 500);
  t.equal(bugs.length, 1);
});
