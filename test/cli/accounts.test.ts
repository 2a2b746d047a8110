// `god project` and `god user` against the real API on a real store.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import t, { type Test } from 'tap';
import { createApi } from '../../src/api/app.js';
import { EXIT } from '../../src/cli/exit-codes.js';
import { main } from '../../src/cli/main.js';
import { aService, aTask } from '../api/a-service.js';
import { FakeTerminal } from './fake-terminal.js';

type Who = 'alice' | 'bob' | 'root';

async function aSite(t: Test) {
  const service = await aService(t);
  const server = createServer(createApi({ ...service.deps, metrics: new Registry() }).callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  /** What `god` of that user says, and how it ends. */
  const god = async (who: Who, ...words: string[]) => {
    const terminal = new FakeTerminal(service.directory, {
      GOD_SERVER: `http://127.0.0.1:${port}`,
      GOD_USER: who,
      GOD_APIKEY: service.keys[who],
    });
    const code = await main(words, terminal);
    return { code, out: terminal.outText, err: terminal.errText };
  };
  return { service, god };
}

t.test('an administrator makes, shows, changes and deletes a project', async (t) => {
  const { god } = await aSite(t);
  const made = await god(
    'root',
    ...['project', 'create', 'dna', '--member', 'alice', '--description', 'genomes'],
    ...['--prio', '70', '--quota-time', '2h', '--quota-cpu-hours', '1.5'],
  );
  t.equal(made.code, EXIT.ok, made.err);
  t.match(made.out, /Project: +dna\nDescription: +genomes\nPriority: +70\nMembers: +alice\n/);
  t.match(made.out, /Quotas: +time 7200 s, cpu hours 1\.5 cpu-hours\n/);

  const changed = await god(
    'root',
    ...['project', 'edit', 'dna', '--add-member', 'bob', '--quota-time', '0'],
  );
  t.match(changed.out, /Priority: +70\nMembers: +alice, bob\nQuotas: +cpu hours 1\.5/);
  const fewer = await god('root', 'project', 'edit', 'dna', '--remove-member', 'alice');
  t.match(fewer.out, /Members: +bob\n/);
  const list = await god('root', 'project', 'list');
  t.match(list.out, /^PROJECT +PRIO +MEMBERS +QUOTAS +DESCRIPTION\n/);
  t.match(list.out, /\ndefault +50 +everybody +none/);
  t.match(list.out, /\ndna +70 +bob +cpu hours 1\.5 cpu-hours +genomes\n/);
  const json = await god('root', 'project', 'show', 'dna', '--json');
  t.match(JSON.parse(json.out), { id: 'dna', members: ['bob'], quota_cpu_hours: 1.5 });

  t.match(await god('root', 'project', 'delete', 'dna'), { code: EXIT.ok, out: /dna deleted/ });
  t.match(await god('root', 'project', 'show', 'dna'), {
    code: EXIT.notFound,
    err: /no project "dna"/,
  });
});

t.test('a member sees his projects, and changes nothing', async (t) => {
  const { god } = await aSite(t);
  await god('root', 'project', 'create', 'dna', '--member', 'alice');
  t.match(await god('alice', 'project', 'list'), { code: EXIT.ok, out: /\ndna / });
  t.match(await god('alice', 'project', 'show', 'dna'), { code: EXIT.ok, out: /Members: +alice/ });
  t.match(await god('alice', 'project', 'quota', 'dna'), { code: EXIT.ok, out: /quota_time/ });
  t.notMatch((await god('bob', 'project', 'list')).out, /dna/);
  t.equal((await god('bob', 'project', 'show', 'dna')).code, EXIT.notFound);
  for (const words of [
    ['create', 'rna', '--member', 'alice'],
    ['edit', 'dna', '--prio', '99'],
    ['delete', 'dna'],
    ['quota', 'dna', '--reset'],
  ])
    t.match(
      await god('alice', 'project', ...words),
      { code: EXIT.notAllowed, err: /only administrators/ },
      words.join(' '),
    );
});

t.test('what is wrong is told with the field', async (t) => {
  const { god, service } = await aSite(t);
  const wrong = async (words: string[], code: number, err: RegExp) =>
    t.match(await god('root', ...words), { code, err }, words.join(' '));
  await wrong(['project', 'create', 'dna'], EXIT.usage, /--member/);
  await wrong(['project', 'create', 'dna', '--member', 'ghost'], EXIT.refused, /members\[0\]/);
  await wrong(['project', 'create', 'a/b', '--member', 'alice'], EXIT.refused, /id must be/);
  await wrong(['project', 'create', 'x', '--member', 'alice', '--prio', '-1'], EXIT.usage, /prio/);
  await wrong(['project', 'create', 'x', '--member', 'bob', '--prio', '101'], EXIT.refused, /prio/);
  await god('root', 'project', 'create', 'dna', '--member', 'alice');
  await wrong(
    ['project', 'create', 'dna', '--member', 'alice'],
    EXIT.refused,
    /there is a project/,
  );
  await wrong(['project', 'edit', 'dna'], EXIT.usage, /nothing to change/);
  await wrong(
    ['project', 'edit', 'dna', '--remove-member', 'bob'],
    EXIT.usage,
    /bob is not in project dna/,
  );
  await wrong(['project', 'edit', 'dna', '--remove-member', 'alice'], EXIT.refused, /at least one/);
  await wrong(['project', 'edit', 'default', '--prio', '9'], EXIT.notAllowed, /fixed/);
  await wrong(['project', 'quota', 'none'], EXIT.notFound, /no project/);
  await wrong(['user', 'edit', 'alice'], EXIT.usage, /nothing to change/);
  await wrong(['user', 'edit', 'alice', '--quota-time', 'long'], EXIT.usage, /duration/);
  await wrong(['user', 'edit', 'ghost', '--prio', '9'], EXIT.notFound, /no user/);
  await wrong(['user', 'show', 'ghost'], EXIT.notFound, /no user/);
  await service.submit(aTask({ more: { user: { id: 'alice', project: 'dna' } } }));
  await wrong(['project', 'delete', 'dna'], EXIT.refused, /wait or run/);
});

t.test('users: oneself for everybody, all for administrators', async (t) => {
  const { god } = await aSite(t);
  t.match(await god('alice', 'user', 'show'), {
    code: EXIT.ok,
    out: /User: +alice\nuid and gid: +1001, 1001\n.*alice@example\.org/,
  });
  t.equal((await god('alice', 'user', 'show', 'bob')).code, EXIT.notFound);
  t.equal((await god('alice', 'user', 'list')).code, EXIT.notAllowed);
  t.equal((await god('alice', 'user', 'edit', 'alice', '--prio', '99')).code, EXIT.notAllowed);
  t.equal((await god('alice', 'user', 'quota', '--reset')).code, EXIT.notAllowed);
  const list = await god('root', 'user', 'list');
  t.match(list.out, /\nalice +1001 +- +50 +none +0 GB +alice@example\.org\n/);
  t.match(list.out, /\nroot +1001 +yes +50/);
  const edited = await god('root', 'user', 'edit', 'alice', '--prio', '80', '--quota-cpu', '8');
  t.match(edited.out, /Priority: +80\nQuotas: +cpu 8 cpus\n/);
  const quota = await god('alice', 'user', 'quota');
  t.match(quota.out, /Quotas of: +user alice\nPeriod: +the last 30 days \(UTC\)/);
  t.match(quota.out, /QUOTA +LIMIT +USED +LEFT +UNIT\n/);
  t.match(quota.out, /\nquota_cpu +8 +0 +8 +cpus\n/);
  t.match(quota.out, /\nquota_ram +- +0 +- +GB\n/);
  t.equal((await god('root', 'user', 'quota', 'alice', '--reset')).code, EXIT.ok);
  t.match(JSON.parse((await god('root', 'user', 'quota', 'alice', '--json')).out), {
    quotas: [{ name: 'quota_time' }, { name: 'quota_cpu', limit: 8, used: 0 }],
  });
});
