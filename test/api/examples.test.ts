// Every example of every route is played against the API and answers what it says.
import t from 'tap';
import { ROUTES } from '../../src/api/declared.js';
import { aWorld, isRead, isSignIn } from './a-world.js';

const shared = await aWorld(t);

for (const route of ROUTES)
  t.test(`${route.methods.join(' and ')} ${route.path}`, async (t) => {
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
  });
