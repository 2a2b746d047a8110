// How soon what is asked of one process is done by another. It judges time, so nothing else runs meanwhile.
import t from 'tap';
import { sleep, waitFor } from '../support/waiting.js';
import { figures, firstRun, median, PROCESS_NODE, script, stageOf } from './standby-stage.js';

t.setTimeout(240_000);

t.test('a submission through one process soon runs through another; a kill likewise', async (t) => {
  const stage = await stageOf(t, PROCESS_NODE);
  const { webs, marks } = stage;
  const latencies: number[] = [];
  for (let n = 0; n < 10; n++) {
    const { client } = webs[n % 2 === 0 ? 0 : 1];
    const id = await client.submit(script(marks, n));
    const answeredAt = Date.now();
    latencies.push((await firstRun(marks, id)) - answeredAt);
    await webs[0].client.over(id);
    await sleep(200);
  }
  t.comment(`submission to start, ms: ${figures(latencies)}`);
  t.ok(median(latencies) < 250, 'much sooner than any sweep');
  const long = await webs[0].client.submit('#!/bin/sh\nsleep 60\n');
  await webs[0].client.until(long, ['running']);
  const killedAt = performance.now();
  await webs[1].client.kill(long);
  const job = await webs[0].client.over(long, 10_000);
  t.equal(job.status.exitcode, 137);
  t.comment(`kill to end: ${Math.round(performance.now() - killedAt)} ms`);
  t.match(await webs[0].client.get('/readyz'), { ready: true });
  const large = await webs[1].client.submit('#!/bin/sh\ntrue\n', { cpu: 16 });
  await webs[0].client.over(large);
  const refusal = await waitFor('the agents are known', 20_000, () =>
    webs[1].client.submit('#!/bin/sh\ntrue\n', { cpu: 17 }).then(
      () => undefined,
      (error: Error) => error.message,
    ),
  );
  t.match(refusal, /17 cpus|impossible|agent/, 'what no agent could ever run is refused');
});
