// Who may have a home, and what happens once although several start together.
import { readdirSync, statSync } from 'node:fs';
import t from 'tap';
import { Home, HomeTaken } from '../../src/config/home.js';

t.test('one alone keeps all others out, until it leaves', async (t) => {
  const path = t.testdir({});
  const one = Home.open(path);
  t.throws(() => Home.open(path), HomeTaken);
  t.throws(() => Home.open(path, 'shared'), HomeTaken);
  one.close();
  Home.open(path, 'shared').close();
  Home.open(path).close();
});

t.test('several share a home; one alone waits until the last has left', async (t) => {
  const path = t.testdir({});
  const one = Home.open(path, 'shared');
  const two = Home.open(path, 'shared');
  t.throws(() => Home.open(path), { name: 'HomeTaken', message: new RegExp(`${process.pid}`) });
  one.close();
  t.throws(() => Home.open(path), HomeTaken, 'one is left');
  two.close();
  Home.open(path).close();
});

t.test('first steps are taken by one at a time', async (t) => {
  const home = Home.open(t.testdir({}), 'shared');
  t.teardown(() => home.close());
  let inside = 0;
  let most = 0;
  const step = () =>
    home.firstSteps(async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((go) => setTimeout(go, 5));
      inside -= 1;
      return home.secret('key');
    });
  const secrets = await Promise.all([step(), step(), step()]);
  t.equal(most, 1);
  t.equal(new Set(secrets).size, 1, 'and all find the same');
  await t.rejects(
    home.firstSteps(() => Promise.reject(new Error('broken'))),
    { message: 'broken' },
  );
  t.equal(await step(), secrets[0], 'a failure blocks nobody');
});

t.test(
  'what a killed process left behind is taken away; secrets are for their owner alone',
  async (t) => {
    const path = t.testdir({ 'pid.999999999': '' });
    const home = Home.open(path, 'shared');
    home.secret('key');
    t.notOk(readdirSync(path).includes('pid.999999999'));
    t.equal(statSync(home.at('key')).mode & 0o777, 0o600);
    t.equal(statSync(path).mode & 0o777, 0o711);
    home.close();
    t.notOk(readdirSync(path).some((name) => name.startsWith('pid.')));
  },
);
