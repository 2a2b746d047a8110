// When somebody who follows a job hears why it has not started.
import t from 'tap';
import { WaitToStart } from '../../src/cli/wait-to-start.js';

t.test('a quick start is not commented', async (t) => {
  const wait = new WaitToStart();
  t.notOk(wait.isNews('pending', 'full', 0));
  t.notOk(wait.isNews('launching', 'pulling', 4_000));
  t.notOk(wait.isNews('running', null, 8_000));
});

t.test('a slow one is, once in each state', async (t) => {
  const wait = new WaitToStart();
  t.notOk(wait.isNews('pending', 'full', 0));
  t.notOk(wait.isNews('pending', null, 6_000), 'nothing to tell');
  t.ok(wait.isNews('pending', 'full', 7_000));
  t.notOk(wait.isNews('pending', 'full still', 60_000));
  t.notOk(wait.isNews('launching', 'pulling', 61_000), 'the state is new');
  t.ok(wait.isNews('launching', 'pulling', 66_000));
  t.notOk(wait.isNews('unreachable', 'away', 100_000), 'not before its start');
});
