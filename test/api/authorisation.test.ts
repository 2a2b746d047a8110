// Who may do what, for each route and each kind of asker, as the route declares it; and that nobody learns what others have.
import type { Response } from 'light-my-request';
import t, { type Test } from 'tap';
import type { Access } from '../../src/api/access.js';
import { ROUTES } from '../../src/api/declared.js';
import type { Example, Route } from '../../src/api/route.js';
import { aWorld, isRead, isSignIn, type Role, type World } from './a-world.js';

type Verdict = 'allowed' | 'unknown' | 'bad-token' | 'forbidden' | 'not-there';

/**
 * Examples are about alice and what is hers; bob shares a project with her, mallory nothing. A word that is not here does not
 * compile; a route whose example does not succeed for those who may fails.
 */
const MATRIX: Readonly<Record<Access, Readonly<Record<Role, Verdict>>>> = {
  'nobody-needed': {
    ...{ nobody: 'allowed', broken: 'allowed', alice: 'allowed', bob: 'allowed' },
    ...{ mallory: 'allowed', root: 'allowed' },
  },
  'signed-in': {
    ...{ nobody: 'unknown', broken: 'bad-token', alice: 'allowed', bob: 'allowed' },
    ...{ mallory: 'allowed', root: 'allowed' },
  },
  'own-job': {
    ...{ nobody: 'unknown', broken: 'bad-token', alice: 'allowed', bob: 'not-there' },
    ...{ mallory: 'not-there', root: 'allowed' },
  },
  'own-or-admin': {
    ...{ nobody: 'unknown', broken: 'bad-token', alice: 'allowed', bob: 'not-there' },
    ...{ mallory: 'not-there', root: 'allowed' },
  },
  'member-or-admin': {
    ...{ nobody: 'unknown', broken: 'bad-token', alice: 'allowed', bob: 'allowed' },
    ...{ mallory: 'not-there', root: 'allowed' },
  },
  admin: {
    ...{ nobody: 'unknown', broken: 'bad-token', alice: 'forbidden', bob: 'forbidden' },
    ...{ mallory: 'forbidden', root: 'allowed' },
  },
};

/** What the word lets in and the handler keeps out, with its reason. */
const NARROWER: Readonly<Record<string, Partial<Record<Role, string>>>> = {
  // A new array is a submission: administrators submit for nobody else.
  '/api/1.0/task/:id/retry-failed': { root: 'forbidden' },
  // Nobody signs in the name of others.
  '/api/1.0/user/:id/webhook/secret': { root: 'forbidden' },
};

const MET: Readonly<Record<Exclude<Verdict, 'allowed' | 'not-there'>, readonly [number, string]>> =
  {
    unknown: [401, 'no-token'],
    'bad-token': [401, 'bad-token'],
    forbidden: [403, 'forbidden'],
  };

const codeOf = (answer: Response): string => answer.json<{ code: string }>().code;

const told = (answer: Response): unknown => {
  const { request_id: _, ...rest } = answer.json<Record<string, unknown>>();
  return rest;
};

async function check(t: Test, world: World, route: Route, role: Role): Promise<void> {
  const [example] = route.examples;
  const verdict = MATRIX[route.access][role];
  const name = `${role} ${verdict}`;
  for (const method of route.methods) {
    const answer = await world.play(route, example, { as: role, method });
    if (verdict === 'not-there') {
      await learnsNothing(t, { world, route, example, role, answer });
      continue;
    }
    if (verdict !== 'allowed') {
      t.same([answer.statusCode, codeOf(answer)], MET[verdict], `${method} ${name}`);
      continue;
    }
    const narrower = NARROWER[route.path]?.[role];
    if (narrower !== undefined) t.equal(codeOf(answer), narrower, `${method} ${name}, narrower`);
    else t.equal(answer.statusCode, example.status ?? 200, `${method} ${name}: ${answer.body}`);
  }
}

/** The same answer, letter by letter, as for something that does not exist. */
async function learnsNothing(
  t: Test,
  {
    world,
    route,
    example,
    role,
    answer,
  }: { world: World; route: Route; example: Example; role: Role; answer: Response },
): Promise<void> {
  const real = String(example.params?.id);
  const absent = route.access === 'own-job' ? '4711' : 'nothing';
  const params = { ...example.params, id: absent };
  const none = await world.play(route, example, { as: role, params });
  t.equal(none.statusCode, 404, `${role}: nothing there`);
  t.equal(answer.statusCode, 404, `${role}: ${answer.body}`);
  const asIfAbsent = JSON.stringify(told(answer)).replaceAll(real, absent);
  t.equal(asIfAbsent, JSON.stringify(told(none)), `${role} learns nothing`);
}

const ROLES: readonly Role[] = ['nobody', 'broken', 'mallory', 'bob', 'alice', 'root'];

t.test('each route lets in whom it declares', async (t) => {
  // Those who are refused change nothing, nor do those who only look: they share a world.
  const shared = await aWorld(t);
  for (const route of ROUTES)
    await t.test(`${route.access}: ${route.methods.join(' and ')} ${route.path}`, async (t) => {
      for (const role of ROLES) {
        const changes = MATRIX[route.access][role] === 'allowed' && !isRead(route);
        await check(t, changes ? await aWorld(t, isSignIn(route)) : shared, route, role);
      }
    });
});

t.test('nothing but declared routes answers', async (t) => {
  const world = await aWorld(t);
  for (const path of ['/api/1.0', '/api/1.0/', '/api/1.0/nothing', '/api', '/nothing', '/app'])
    t.equal((await world.ask(path)).statusCode, 404, path);
});
