// Every example of every route is played against the API and answers what it says.
import t, { type Test } from 'tap';
import { ROUTES } from '../../src/api/declared.js';
import type { Route } from '../../src/api/route.js';
import { aWorld, isRead, isSignIn, type World } from './a-world.js';

t.test('examples answer what they say', async (t) => {
  const shared = await aWorld(t);
  for (const route of ROUTES)
    await t.test(`${route.methods.join(' and ')} ${route.path}`, (t) => play(t, route, shared));
});

async function play(t: Test, route: Route, shared: World): Promise<void> {
  for (const example of route.examples)
    for (const method of route.methods) {
      // What changes something has a world of its own: the order of examples means nothing.
      const world = isRead(route) ? shared : await aWorld(t, isSignIn(route));
      const answer = await world.play(route, example, { method });
      const said = `${example.name}: ${answer.body.slice(0, 500)}`;
      t.equal(answer.statusCode, example.status ?? 200, said);
      if (example.answer !== undefined) t.match(answer.json(), example.answer, said);
    }
  const statuses = route.examples.map(({ status = 200 }) => status);
  t.ok(
    statuses[0] === 200 || !statuses.includes(200),
    'the first example succeeds, or this version refuses in every case',
  );
}
