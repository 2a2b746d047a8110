// Ports that tests give to programs: no two get the same one, not even before anybody listens there.
import { createServer } from 'node:net';
import t from 'tap';
import { freePort, turnFor } from '../support/places.js';

t.test('a port is given once, whoever asks, and is not the kernel’s to give', async (t) => {
  const ports = await Promise.all(Array.from({ length: 100 }, freePort));
  t.equal(new Set(ports).size, 100);
  t.ok(Math.max(...ports) < 32_768);
});

t.test('it can be listened on at once, and is passed over meanwhile', async (t) => {
  const port = await freePort();
  const server = createServer();
  t.teardown(() => server.close());
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  t.not(await freePort(), port);
});

t.test('what there is once is had by one after the other', async (t) => {
  const what = `of-${process.pid}`;
  const first = await turnFor(what);
  let isSecond = false;
  const second = turnFor(what).then((giveBack) => {
    isSecond = true;
    return giveBack;
  });
  await freePort();
  t.notOk(isSecond, 'the second waits');
  await first();
  await (await second)();
  t.ok(isSecond);
});
