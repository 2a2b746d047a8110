// What was used and what it costs, over the API: who may see it, and what is refused.
import t from 'tap';
import { accountingRecord } from '../../src/core/accounting.js';
import { aftermathOf } from '../../src/core/aftermath.js';
import { instant, type JobId } from '../../src/core/units.js';
import { AT, ended } from '../store/a-job.js';
import { type AService, aService, aTask, lead } from './a-service.js';

const API = '/api/1.0';
const HOUR_MS = 3_600_000;
/** `AT` is 2023-11-14T22:13:20Z: an hour later it is still that day. */
const NOVEMBER = 'from=2023-11-01&until=2023-12-01';

/** One hour of one cpu and 1000 MB. */
async function accounted(service: AService): Promise<JobId> {
  const id = await service.submit(aTask({ requirements: { cpu: 1, ram: 1 } }));
  const running = await lead(service, id, 'running');
  if (running.state !== 'running') throw new Error('it should run');
  const to = { ...ended(running), endedAt: instant(AT + HOUR_MS) };
  const [left] = aftermathOf(running, to, to.endedAt);
  if (left?.kind !== 'account') throw new Error('an end leaves something');
  await service.store.account([accountingRecord(running, left.end)]);
  return id;
}

t.test('a job tells its launches to its owner', async (t) => {
  const service = await aService(t);
  const id = await accounted(service);
  const answer = await service.ask(`${API}/task/${id}/accounting`);
  t.match(JSON.parse(answer.body), [
    {
      ...{ job: id, launch: 1, owner: 'alice', project: 'default', queue: null, node: 'node-1' },
      ...{ charged: true, run_seconds: 3_600, measured: null, ended: '2023-11-14T23:13:20.000Z' },
      allocated: { cpu_seconds: 3_600, gpu_seconds: 0, mem_mb_seconds: 3_600_000 },
      outcome: { kind: 'exited', exitcode: 0, reason: null },
    },
  ]);
  const token = await service.tokenOf('bob');
  t.equal((await service.ask(`${API}/task/${id}/accounting`, { token })).statusCode, 404);
});

t.test('sums by day and month, for administrators', async (t) => {
  const service = await aService(t);
  await accounted(service);
  await accounted(service);
  const token = await service.tokenOf('root');
  const sums = async (query: string) => {
    const answer = await service.ask(`${API}/accounting?${query}`, { token });
    return (JSON.parse(answer.body) as { readonly sums: readonly object[] }).sums;
  };
  const whole = { owner: 'alice', launches: 2, run_seconds: 7_200, cpu_seconds: 7_200 };
  t.match(await sums(NOVEMBER), [{ date: '2023-11-14', charged: true, ...whole }]);
  t.match(await sums(`${NOVEMBER}&by=month`), [{ date: '2023-11-01', ...whole }]);
  t.same(await sums(`${NOVEMBER}&project=dna`), []);
  t.same(await sums('from=2023-11-15&until=2023-11-16'), []);
  t.equal((await service.ask(`${API}/accounting?${NOVEMBER}`)).statusCode, 403);
});

t.test('a bill, as JSON and as CSV', async (t) => {
  const settings = { 'prices.cpu_hour': 0.5, 'prices.mem_gb_hour': 0.25, 'prices.currency': 'CHF' };
  const service = await aService(t, { settings });
  await accounted(service);
  const token = await service.tokenOf('root');
  const bill = await service.ask(`${API}/bill/2023-11`, { token });
  t.same(JSON.parse(bill.body), {
    ...{ month: '2023-11', currency: 'CHF', total: 0.75 },
    lines: [
      {
        ...{ project: 'default', queue: null, launches: 1, cpu_hours: 1, mem_gb_hours: 1 },
        ...{ gpu_hours: 0, amount: 0.75 },
      },
    ],
  });
  const csv = await service.ask(`${API}/bill/2023-11?format=csv`, { token });
  t.match(csv.headers['content-type'], /^text\/csv/);
  t.match(csv.body, /\r\n2023-11,default,,1,1,1,0,0\.75,CHF\r\n$/);
  t.equal((await service.ask(`${API}/bill/2023-11`)).statusCode, 403);
});

t.test('what cannot be meant is refused by name', async (t) => {
  const service = await aService(t);
  const token = await service.tokenOf('root');
  const wrong: readonly (readonly [path: string, field: string])[] = [
    ['accounting?from=2023-11-01', 'until'],
    ['accounting?from=2023-02-30&until=2023-03-02', 'from'],
    ['accounting?from=2023-11-02&until=2023-11-02', 'until'],
    ['accounting?from=2020-01-01&until=2023-11-02', 'until'],
    [`accounting?${NOVEMBER}&by=week`, 'by'],
    ['bill/2023-13', 'month'],
    ['bill/2023-11?format=pdf', 'format'],
  ];
  for (const [path, field] of wrong) {
    const answer = await service.ask(`${API}/${path}`, { token });
    t.equal(answer.statusCode, 400, path);
    t.match(answer.body, field, path);
  }
});
