import t from 'tap';
import { inTime } from '../../src/daemon/in-time.js';
import { FakeTime } from '../support/fake-time.js';

t.test('work is waited for, though not for ever', async (t) => {
  const time = new FakeTime();
  t.same(await inTime(Promise.resolve(7), 100, time), { value: 7 });
  t.same(await inTime(Promise.resolve(undefined), 100, time), { value: undefined }, 'done');
  await t.rejects(inTime(Promise.reject(new Error('no')), 100, time), { message: 'no' });
  let answer: unknown = 'none yet';
  const waiting = inTime(new Promise(() => {}), 100, time).then((told) => {
    answer = told;
  });
  await time.pass(99);
  t.equal(answer, 'none yet');
  await time.pass(1);
  await waiting;
  t.equal(answer, undefined, 'given up');
});

t.test('what fails later than that is nobody’s matter', async (t) => {
  const time = new FakeTime();
  let fail = (_: Error): void => {};
  const work = new Promise<void>((_, reject) => {
    fail = reject;
  });
  const waiting = inTime(work, 100, time);
  await time.pass(100);
  t.equal(await waiting, undefined);
  fail(new Error('too late'));
  // An unhandled rejection would end the process.
  await new Promise((resolve) => setImmediate(resolve));
});
