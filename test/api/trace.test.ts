// What ran in a period, exported over the API and by `god trace`, and replayed by the simulator.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import t from 'tap';
import { createApi } from '../../src/api/app.js';
import { EXIT } from '../../src/cli/exit-codes.js';
import { main } from '../../src/cli/main.js';
import { fifo } from '../../src/core/policy.js';
import { instant, type JobId } from '../../src/core/units.js';
import { figuresOf } from '../../src/whatif/figures.js';
import { readJobLines } from '../../src/whatif/job-lines.js';
import { replay } from '../../src/whatif/replay.js';
import { FakeTerminal } from '../cli/fake-terminal.js';
import { AT, ended, stepTo } from '../store/a-job.js';
import { type AService, aService, aTask, lead, NOW } from './a-service.js';

const API = '/api/1.0';

/** A job that ran for so long and ended so long after `AT`, as jobs of these suites do. */
async function ran(service: AService, requirements: object, [runMs, endedMs]: [number, number]) {
  const id = await service.submit(aTask({ requirements: { ...requirements } }));
  const running = await lead(service, id, 'running');
  if (running.state !== 'running') throw new Error('it should run');
  const endedAt = instant(AT + endedMs);
  const from = { ...running, startedAt: instant(endedAt - runMs) };
  const epoch = (await service.store.lease())?.epoch ?? 0;
  await service.store.advance(epoch, [stepTo(running, { ...ended(from), endedAt })]);
  return id;
}

async function aWorkload(service: AService): Promise<readonly JobId[]> {
  service.later(AT - NOW);
  const ids = [await ran(service, { cpu: 2, ram: 4 }, [60_000, 100_000])];
  service.later(10_000);
  ids.push(await ran(service, { cpu: 0.5, ram: 1, maxlifespan: '1h' }, [0, 200_000]));
  await service.submit();
  const killed = await service.submit();
  await lead(service, killed, { over: { kind: 'killed', by: 'alice' as never } });
  service.later(1_000_000);
  return ids;
}

t.test('what is exported is replayed, job by job', async (t) => {
  const service = await aService(t);
  await aWorkload(service);
  const token = await service.tokenOf('root');
  const answer = await service.ask(`${API}/trace?since=${(AT + 50_000) / 1_000}`, { token });
  t.equal(answer.statusCode, 200);
  t.match(answer.headers['content-type'], /ndjson/);
  const { jobs } = readJobLines(answer.body);
  t.match(jobs, [
    {
      user: 'alice',
      project: 'default',
      submittedMs: 0,
      runMs: 60_000,
      needs: { cpuMilli: 2_000, memMb: 4_000, gpus: 0 },
      lifespanMs: null,
    },
    { submittedMs: 10_000, runMs: 1, needs: { cpuMilli: 500 }, lifespanMs: 3_600_000 },
  ]);
  t.equal(jobs.length, 2, 'nothing that never ran, nor what ended before');
  const cluster = { agents: 1, cpuMilli: 2_000, memMb: 8_000, gpus: 0 };
  const rules = { usage: { kind: 'half-life', halfLifeMs: 1e9 }, advanceMs: 0 } as const;
  const made = replay(readJobLines(answer.body), cluster, {
    ...{ ...rules, reservationAfterMs: 1e9, policy: fifo },
  });
  t.match(figuresOf(made, cluster), { jobs: 2, impossible: 0 });
});

t.test('names may be left out, the same for the same', async (t) => {
  const service = await aService(t);
  await aWorkload(service);
  const token = await service.tokenOf('root');
  const ask = async () =>
    (await service.ask(`${API}/trace?since=2001-01-01&anonymous=1`, { token })).body;
  const [first, second] = [await ask(), await ask()];
  t.notMatch(first, /alice/);
  const users = new Set(readJobLines(first).jobs.map(({ user }) => user));
  t.equal(users.size, 1);
  t.match([...users][0], /^user-[0-9a-f]{12}$/);
  t.notSame(readJobLines(second).jobs[0]?.user, [...users][0], 'another one each time');
  t.equal(readJobLines(first).jobs[0]?.project, 'default');
});

t.test('a period must be one, and only administrators see it', async (t) => {
  const service = await aService(t);
  t.equal((await service.ask(`${API}/trace`)).statusCode, 403);
  const token = await service.tokenOf('root');
  t.equal((await service.ask(`${API}/trace`, { token })).body, '');
  for (const [query, field] of [
    ['since=yesterday', 'since'],
    ['until=x', 'until'],
    ['since=2026-02-01&until=2026-01-01', 'since'],
  ]) {
    const no = await service.ask(`${API}/trace?${query}`, { token });
    t.match(no.json(), { code: 'bad-field', field }, field ?? '');
  }
});

t.test('god trace writes it, whatever its length', async (t) => {
  const service = await aService(t);
  await aWorkload(service);
  const server = createServer(createApi({ ...service.deps, metrics: new Registry() }).callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  const god = async (user: 'alice' | 'root', ...words: string[]) => {
    const terminal = new FakeTerminal(service.directory, {
      GOD_SERVER: `http://127.0.0.1:${port}`,
      GOD_USER: user,
      GOD_APIKEY: service.keys[user],
    });
    return { code: await main(['trace', ...words], terminal), terminal };
  };
  const { code, terminal } = await god('root', '--since', '2001-01-01', '--anonymous');
  t.equal(code, EXIT.ok, terminal.errText);
  t.ok(readJobLines(terminal.outText).jobs.length >= 2);
  t.equal((await god('alice')).code, EXIT.notAllowed);
  t.match(await god('root', '--since', 'soon'), {
    code: EXIT.usage,
    terminal: { errText: /--since "soon" is no time/ },
  });
});
