// `GET /tasks`: jobs by user, project, tag and date, page by page, and parts of them.
import t, { type Test } from 'tap';
import { selected } from '../../src/api/routes/history.js';
import { projectId, userId } from '../../src/core/units.js';
import { aService, aTask, lead, NOW } from './a-service.js';

interface Page {
  readonly tasks: readonly { readonly id: number; readonly [part: string]: unknown }[];
  readonly next: string | null;
}
const HOUR_MS = 3_600_000;
const at = (hours: number): string => new Date(NOW + hours * HOUR_MS).toISOString();
const idsOf = ({ tasks }: Page): readonly number[] => tasks.map(({ id }) => id);

/** Six jobs of alice that are over, an hour apart, the even ones tagged, the last two in a project; one runs, one waits; one of bob. */
async function aPast(t: Test) {
  const service = await aService(t);
  const { ask, store, later } = service;
  await store.putProject({
    ...{ id: projectId('lambda'), description: '', prio: 50, createdAt: NOW },
    ...{ members: [userId('alice')], quotas: { time: 0, cpu: 0, ram: 0 } },
  });
  for (let n = 1; n <= 6; n++) {
    const meta = { tags: n % 2 === 0 ? ['even', 'all'] : ['all'] };
    const more = { user: { id: 'alice', project: n > 4 ? 'lambda' : 'default' } };
    await lead(service, await service.submit(aTask({ meta, more })), { over: n === 1 ? 3 : 0 });
    later(HOUR_MS);
  }
  await lead(service, await service.submit(), 'running');
  await service.submit();
  const body = aTask({ more: { user: { id: 'bob', project: 'default' } } });
  const bobs = await ask('/api/1.0/task', { token: await service.tokenOf('bob'), body });
  await lead(service, bobs.json().id, { over: 0 });
  const root = await service.tokenOf('root');
  const page = async (query: string, token?: string): Promise<Page> => {
    const answer = await ask(`/api/1.0/tasks${query}`, token === undefined ? {} : { token });
    if (answer.statusCode !== 200) throw new Error(answer.body);
    return answer.json<Page>();
  };
  return { ...service, page, root };
}

t.test('the newest first, page by page, by whatever is known of them', async (t) => {
  const { ask, page } = await aPast(t);
  t.same(idsOf(await page('')), [6, 5, 4, 3, 2, 1]);
  t.equal((await page('')).next, null);
  t.same(idsOf(await page('?tag=even')), [6, 4, 2]);
  t.same(idsOf(await page('?project=lambda')), [6, 5]);
  t.same(idsOf(await page(`?from=${at(1)}&to=${at(3)}`)), [3, 2], 'from it on, before it');
  t.same(idsOf(await page(`?to=${(NOW + HOUR_MS) / 1_000}`)), [1], 'seconds will do');
  t.same(idsOf(await page('?from=2016-06-14&tag=all&limit=2')), [6, 5]);
  t.same(idsOf(await page('?from=2016-06-16')), []);
  const walked: number[] = [];
  for (let after = ''; ; ) {
    const some = await page(`?limit=4${after}`);
    walked.push(...idsOf(some));
    t.ok(some.tasks.length <= 4);
    if (some.next === null) break;
    after = `&after=${some.next}`;
  }
  t.same(walked, [6, 5, 4, 3, 2, 1]);
  const whole = (await ask('/api/1.0/task/1')).json();
  delete whole.command.cmd;
  t.same((await page('?limit=1000')).tasks.at(-1), whole, 'as the job itself, without the script');
});

t.test('those that wait or run', async (t) => {
  const { ask, page } = await aPast(t);
  t.same(idsOf(await page('?state=active')), [8, 7]);
  const first = await page('?state=active&limit=1');
  t.same(idsOf(first), [8]);
  t.same(idsOf(await page(`?state=active&limit=1&after=${first.next}`)), [7]);
  for (const field of ['tag=x', 'from=2016-06-15', 'to=2016-06-15']) {
    const answer = await ask(`/api/1.0/tasks?state=active&${field}`);
    t.match(answer.json(), { code: 'not-supported', field: field.split('=')[0] });
  }
});

t.test('one’s own, and for administrators everybody’s', async (t) => {
  const { ask, page, root } = await aPast(t);
  t.same(idsOf(await page('?user=alice')), [6, 5, 4, 3, 2, 1]);
  for (const query of ['user=bob', 'user=nobody', 'all=1']) {
    const answer = await ask(`/api/1.0/tasks?${query}`);
    t.equal(answer.statusCode, 403, query);
    t.match(answer.json().msg, /^only administrators may see jobs of others/);
  }
  t.same(idsOf(await page('', root)), [], 'of oneself unless told');
  t.same(idsOf(await page('?user=bob', root)), [9]);
  t.same(idsOf(await page('?all=1', root)), [9, 6, 5, 4, 3, 2, 1]);
  t.same(idsOf(await page('?all=1&state=active', root)), [8, 7]);
  t.equal((await ask('/api/1.0/tasks', { token: null })).statusCode, 401);
});

t.test('parts of jobs', async (t) => {
  const { page } = await aPast(t);
  t.same((await page('?limit=1&fields=id,meta.tags,status.exitcode')).tasks, [
    { id: 6, meta: { tags: ['even', 'all'] }, status: { exitcode: 0 } },
  ]);
  const [whole] = (await page('?limit=1')).tasks;
  const document = whole as Record<string, unknown>;
  t.same(selected(document, ['meta', 'meta.name']), { meta: document.meta });
  t.same(selected(document, ['meta.name', 'meta']), { meta: document.meta });
  t.same(selected(document, ['id.x', 'meta.nothing', 'container.meta.Node']), {
    container: { meta: { Node: { Name: 'node-1' } } },
  });
  t.same(selected(document, ['meta.__proto__', 'meta.constructor']), {});
});

t.test('what is wrong is named', async (t) => {
  const { ask } = await aService(t);
  const cases: readonly (readonly [query: string, field: string])[] = [
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=ten', 'limit'],
    ['after=7', 'after'],
    ['after=7-0', 'after'],
    ['state=running', 'state'],
    ['from=yesterday', 'from'],
    ['from=2026-11-21T14:00', 'from'],
    ['to=2026-13-01', 'to'],
    ['fields=id,secret', 'fields'],
    ['fields=', 'fields'],
  ];
  for (const [query, field] of cases) {
    const answer = await ask(`/api/1.0/tasks?${query}`);
    t.equal(answer.statusCode, 400, query);
    t.match(answer.json(), { code: 'bad-field', field }, query);
  }
});
