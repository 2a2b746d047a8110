// Every example of every route is played against the API and answers what it says.
import t from 'tap';
import { ROUTES } from '../../src/api/declared.js';
import { aWorld, isRead, isSignIn } from './a-world.js';

const codeOf = (answer: unknown) => (answer as { readonly code?: string } | undefined)?.code;

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
    const [first] = route.examples;
    const isNever = route.examples.every(({ answer }) => codeOf(answer) === 'not-supported');
    t.ok(isNever || first.status === undefined, 'the first example succeeds, if any can');
  });
