// The description of the API: whole, true to the declarations, readable under the strict policy of our pages.
import t from 'tap';
import type { z } from 'zod';
import { ROUTES } from '../../src/api/declared.js';
import { openApi, pathOf } from '../../src/api/openapi.js';
import { OBSTACLE } from '../../src/api/schemas/obstacle.js';
import { ServiceError } from '../../src/contracts/errors.js';
import type { Obstacle } from '../../src/core/obstacle.js';
import { MemoryStore } from '../support/memory-store.js';
import { aService } from './a-service.js';

const document = openApi(ROUTES, { version: '2.0.0', prefix: '/god' });
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));

t.test('every route stands there once, with what it declares', async (t) => {
  for (const route of ROUTES)
    for (const method of route.methods) {
      const name = `${method} ${route.path}`;
      const operation = document.paths[pathOf(route)]?.[method.toLowerCase()];
      if (operation === undefined) throw new Error(`${name} is not described`);
      t.equal(operation['x-access'], route.access, name);
      t.same(operation.security, route.access === 'nobody-needed' ? [] : [{ token: [] }], name);
      const statuses = new Set([
        ...Object.keys(route.answers),
        ...route.errors.map((code) => String(new ServiceError(code, '').status)),
      ]);
      t.same(new Set(Object.keys(operation.responses)), statuses, `${name}: every status`);
      const inPath = [...pathOf(route).matchAll(/\{(\w+)\}/g)].map(([, part]) => part);
      const told = (operation.parameters ?? []).filter((one) => one.in === 'path');
      t.same(
        told.map((one) => one.name),
        inPath,
        `${name}: its path`,
      );
      t.ok(
        told.every(({ required }) => required),
        name,
      );
    }
  const ids = operations.map(({ operationId }) => operationId);
  t.equal(new Set(ids).size, ids.length, 'ids of operations differ');
});

t.test('references lead somewhere; how values are written is told', async (t) => {
  const text = JSON.stringify(document);
  const named = new Set(Object.keys(document.components.schemas as object));
  const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, path = '']) => path);
  t.ok(references.length > 10);
  for (const path of new Set(references))
    t.ok(named.has(path.replace('#/components/schemas/', '')), path);
  t.notMatch(text, /x-wire|\$defs/, 'nothing of the making is left');
  const show = document.paths['/api/1.0/task/{id}']?.get;
  t.match(show?.parameters, [{ name: 'id', schema: { type: 'integer', minimum: 1 } }]);
  t.match(show?.responses['200'], {
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Job' } } },
  });
  const submit = document.paths['/api/1.0/task']?.post;
  t.match(JSON.stringify(submit?.requestBody), /a job.*an array of ten/, 'with examples');
  t.same(document.servers, [{ url: '/god' }], 'below the prefix of the site');
});

t.test('answers are described as open, requests as they are checked', async (t) => {
  const schemas = document.components.schemas as Record<string, Record<string, unknown>>;
  t.notOk('additionalProperties' in (schemas.Job ?? {}), 'a job may get more keys');
  const cpu = JSON.stringify(schemas.Submission);
  t.match(cpu, /"requirements"/);
  t.same(schemas.Submission?.additionalProperties, {}, 'unknown keys are let pass');
});

t.test('every kind of obstacle is described', async (t) => {
  // Compiles only as long as the schema knows every code, and the core every one of the schema.
  const described = (code: Obstacle['code']): z.infer<typeof OBSTACLE>['code'] => code;
  const known = (code: z.infer<typeof OBSTACLE>['code']): Obstacle['code'] => code;
  t.equal(described(known('no-offers')), 'no-offers');
  t.ok(OBSTACLE.safeParse({ code: 'set-aside', agents: 2 }).success);
  t.notOk(OBSTACLE.safeParse({ code: 'set-aside', agents: 2, more: 1 }).success);
});

t.test('the page loads nothing but its style, and has every operation', async (t) => {
  const service = await aService(t, { store: new MemoryStore() });
  const open = { token: null };
  const served = await service.ask('/api/1.0/openapi.json', open);
  t.equal(served.statusCode, 200);
  t.match(served.json(), { openapi: '3.1.0', info: { version: '2.0.0' } });
  const page = await service.ask('/api/1.0/docs', open);
  t.match(page.headers['content-type'], 'text/html; charset=utf-8');
  t.match(page.headers['content-security-policy'], /style-src 'self'/);
  t.notMatch(page.body, /<script|<style|style=|https?:\/\/|undefined|\[object/);
  for (const { operationId } of operations)
    t.ok(page.body.includes(`<details id="${operationId}">`), operationId);
  const loaded = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, where = '']) => where);
  t.same(
    loaded.filter((where) => !where.startsWith('#')),
    ['docs.css', 'openapi.json'],
  );
  for (const anchor of loaded.filter((where) => where.startsWith('#')))
    t.ok(page.body.includes(` id="${anchor.slice(1)}"`), anchor);
  const style = await service.ask('/api/1.0/docs.css', open);
  t.match(style.headers['content-type'], 'text/css; charset=utf-8');
  t.ok(style.body.length > 100);
});
