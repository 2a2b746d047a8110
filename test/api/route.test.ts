// What a declaration of a route enforces: who may ask, what is read, and in tests what is answered.
import inject from 'light-my-request';
import { Registry } from 'prom-client';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { createApi } from '../../src/api/app.js';
import { ROUTES } from '../../src/api/declared.js';
import { count, flag, JOB_ID, LOGIN, PROJECT } from '../../src/api/fields.js';
import { json, type Route, route } from '../../src/api/route.js';
import { shape } from '../../src/api/schemas/answer.js';
import { ServiceError } from '../../src/contracts/errors.js';
import type { Bug } from '../../src/core/assert.js';
import { projectId, userId } from '../../src/core/units.js';
import { type AService, aService, NOW } from './a-service.js';

const SAID = { 200: json(shape({ said: z.string() })) };
const base = { method: 'GET', tag: 'service', examples: [{ name: 'one' }] } as const;
const say = (said: string) => ({ said });

const PLAIN: readonly Route[] = [
  route({
    ...base,
    path: '/open',
    access: 'nobody-needed',
    summary: 'Say hello',
    query: { from: count.optional(), loud: flag },
    answers: SAID,
    handle: ({ query }) => say(`from ${query.from ?? 'nowhere'}${query.loud ? '!' : ''}`),
  }),
  route({
    ...base,
    path: '/mine',
    access: 'signed-in',
    summary: 'Say who asks',
    answers: SAID,
    handle: ({ person }) => say(person.id),
  }),
  route({
    ...base,
    path: '/job/:id',
    access: 'own-job',
    summary: 'Say whose job it is',
    params: JOB_ID,
    answers: SAID,
    handle: ({ job }) => say(job.owner),
  }),
  route({
    ...base,
    path: '/person/:id',
    access: 'own-or-admin',
    summary: 'Say who it is',
    params: LOGIN,
    answers: SAID,
    handle: ({ user }) => say(user.id),
  }),
  route({
    ...base,
    path: '/group/:id',
    access: 'member-or-admin',
    summary: 'Say which project it is',
    params: PROJECT,
    answers: SAID,
    handle: ({ project }) => say(project?.id ?? 'everybody'),
  }),
  route({
    ...base,
    path: '/all',
    access: 'admin',
    summary: 'See everything',
    answers: SAID,
    handle: () => say('everything'),
  }),
  route({
    ...base,
    method: 'POST',
    also: 'PUT',
    path: '/told',
    access: 'signed-in',
    summary: 'Say what was told',
    body: z.looseObject({ word: z.string(), times: z.number().min(1).optional() }),
    answers: SAID,
    handle: ({ body }) => say(body.word),
  }),
];

type Who = 'alice' | 'bob' | 'root' | 'nobody' | 'broken';

function asking(service: AService, routes: readonly Route[]) {
  const bugs: Bug[] = [];
  const metrics = new Registry();
  const deps = { ...service.deps, metrics, onBug: (bug: Bug) => void bugs.push(bug) };
  const listen = createApi(deps, routes).callback();
  const ask = async (who: Who, path: string, method = 'GET', payload?: string) => {
    const token = who === 'nobody' ? null : who === 'broken' ? 'abc' : await service.tokenOf(who);
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    const answer = await inject(listen, {
      method: method as 'GET',
      url: `/api/1.0${path}`,
      headers,
      ...(payload === undefined ? {} : { payload }),
    });
    const { request_id: _, ...said } = answer.json<Record<string, unknown>>();
    return { status: answer.statusCode, said };
  };
  return { ask, bugs };
}

async function withProject(t: Test): Promise<AService> {
  const service = await aService(t);
  await service.store.putProject({
    id: projectId('lambda'),
    description: '',
    prio: 50,
    members: [userId('alice')],
    quotas: { time: 0, cpu: 0, ram: 0 },
    createdAt: NOW,
  });
  return service;
}

t.test('each word lets in whom it names, and nobody else', async (t) => {
  const service = await withProject(t);
  const { ask } = asking(service, PLAIN);
  const id = await service.submit();
  const who = ['nobody', 'broken', 'alice', 'bob', 'root'] as const;
  const cases: Record<string, readonly number[]> = {
    '/open': [200, 200, 200, 200, 200],
    '/mine': [401, 401, 200, 200, 200],
    [`/job/${id}`]: [401, 401, 200, 404, 200],
    '/person/alice': [401, 401, 200, 404, 200],
    '/group/lambda': [401, 401, 200, 404, 200],
    '/group/default': [401, 401, 200, 200, 200],
    '/all': [401, 401, 403, 403, 200],
  };
  for (const [path, expected] of Object.entries(cases)) {
    const met: number[] = [];
    for (const one of who) met.push((await ask(one, path)).status);
    t.same(met, expected, `${path} for ${who.join(', ')}`);
  }
  t.match((await ask('bob', '/all')).said.msg, /^only administrators may see everything$/);
});

t.test('what belongs to others reads as what is not there', async (t) => {
  const service = await withProject(t);
  const { ask } = asking(service, PLAIN);
  const id = await service.submit();
  const pairs = [
    [`/job/${id}`, '/job/4711', String(id), '4711'],
    ['/person/alice', '/person/nobody', 'alice', 'nobody'],
    ['/group/lambda', '/group/nothing', 'lambda', 'nothing'],
  ] as const;
  for (const [theirs, none, here, absent] of pairs) {
    const [a, b] = [await ask('bob', theirs), await ask('bob', none)];
    t.equal(a.status, 404, theirs);
    t.equal(JSON.stringify(a).replaceAll(here, absent), JSON.stringify(b), theirs);
  }
});

t.test('what is read is what the schemas say', async (t) => {
  const { ask } = asking(await aService(t), PLAIN);
  t.same((await ask('nobody', '/open?from=3&from=4&loud=1')).said, say('from 4!'), 'the last one');
  t.same((await ask('nobody', '/open?loud=0&other=1')).said, say('from nowhere'));
  t.match(await ask('nobody', '/open?from=x'), {
    status: 400,
    said: { code: 'bad-request', field: 'from', msg: 'from must be a whole number of at least 0' },
  });
  t.match(await ask('alice', '/job/x'), { status: 400, said: { code: 'bad-id', field: 'id' } });
  for (const method of ['POST', 'PUT'])
    t.same((await ask('alice', '/told', method, '{"word":"yes","more":1}')).said, say('yes'));
  t.match(await ask('alice', '/told', 'POST', '{"times":0}'), {
    status: 400,
    said: { code: 'bad-field', field: 'word', msg: /^word is missing; times / },
  });
  for (const body of ['', '[]', 'null', '3'])
    t.match(await ask('alice', '/told', 'POST', body), {
      status: 400,
      said: { code: 'bad-request' },
    });
  t.match(await ask('nobody', '/told', 'POST', '{'), { status: 401 }, 'strangers are not read');
});

t.test('in tests an answer that was not declared is a fault of ours', async (t) => {
  const declare = (path: string, handle: Parameters<typeof route>[0]['handle']) =>
    route({ ...base, path, access: 'nobody-needed', summary: 'Err', answers: SAID, handle });
  const cases: Record<string, [Route, RegExp]> = {
    '/less': [declare('/less', () => ({})), /said/],
    '/more': [declare('/more', () => ({ said: 'a', more: 1 })), /more/],
    '/status': [
      declare('/status', ({ context }) => {
        context.status = 202;
        return say('a');
      }),
      /status 202/,
    ],
    '/type': [
      declare('/type', ({ context }) => {
        context.type = 'text/plain';
        return 'a';
      }),
      /type text\/plain/,
    ],
    '/code': [
      declare('/code', () => {
        throw new ServiceError('wrong-state', 'no');
      }),
      /error wrong-state/,
    ],
  };
  const routes = Object.values(cases).map(([one]) => one);
  const { ask, bugs } = asking(await aService(t), routes);
  for (const [path, [, says]] of Object.entries(cases)) {
    t.equal((await ask('nobody', path)).status, 500, path);
    t.match(bugs.pop(), { message: says }, path);
  }
});

t.test('declarations are whole', async (t) => {
  const seen = new Set<string>();
  for (const { methods, path, access, params = {}, summary, answers } of ROUTES) {
    for (const method of methods) {
      t.notOk(seen.has(`${method} ${path}`), `${method} ${path} is declared once`);
      seen.add(`${method} ${path}`);
    }
    const inPath = [...path.matchAll(/[:*](\w+)/g)].map(([, name]) => name);
    t.same(Object.keys(params), inPath, `${path}: every part of the path has a schema`);
    if (access === 'own-job' || access === 'own-or-admin' || access === 'member-or-admin')
      t.ok(inPath.includes('id'), `${path} names whose it is`);
    t.match(summary, /^[A-Z].*[^.]$/, `${path}: a summary without a full stop`);
    t.ok(Object.hasOwn(answers, 200), `${path} succeeds with 200: old clients take nothing else`);
  }
});
