// What a submission may ask to be called, and the secret that signs calls.
import t from 'tap';
import { webhookSecret } from '../../src/contracts/webhook.js';
import { userId } from '../../src/core/units.js';
import { MemoryStore } from '../support/memory-store.js';
import { aService, aTask } from './a-service.js';

const URL_ = 'https://hooks.example.org/done?x=1';
const asking = (webhook: unknown, parts = {}) => aTask({ ...parts, more: { notify: { webhook } } });

t.test('a job keeps whom it calls, and a replay of it does', async (t) => {
  const service = await aService(t, { store: new MemoryStore() });
  const id = await service.submit(asking({ url: URL_ }));
  const shown = (await service.ask(`/api/1.0/task/${id}`)).json<{ notify: unknown }>();
  t.same(shown.notify, { email: false, webhook: { url: URL_, events: ['start', 'end'] } });
  t.same((await service.store.job(id))?.spec.webhook, { url: URL_, events: ['start', 'end'] });
  const replay = (await service.ask(`/api/1.0/task/${id}/replay`)).json<{ notify: unknown }>();
  t.same(replay.notify, shown.notify);
  const only = await service.submit(asking({ url: URL_, events: ['end', 'end'] }));
  t.same((await service.store.job(only))?.spec.webhook?.events, ['end']);
  const none = await service.submit();
  t.notOk((await service.store.job(none))?.spec.webhook);
});

t.test('what may not be called is refused, by name', async (t) => {
  const service = await aService(t, { store: new MemoryStore() });
  const array = { requirements: { array: { values: '1:3' } } };
  for (const [task, code, field] of [
    [asking({ url: 'https://127.0.0.1/' }), 'bad-field', 'notify.webhook.url'],
    [asking({ url: 'http://hooks.example.org/' }), 'bad-field', 'notify.webhook.url'],
    [asking({ url: `https://x.org/${'x'.repeat(3_000)}` }), 'bad-field', 'notify.webhook.url'],
    [asking({ events: ['end'] }), 'bad-field', 'notify.webhook.url'],
    [asking({ url: URL_, events: [] }), 'bad-field', 'notify.webhook.events'],
    [asking({ url: URL_ }, array), 'not-supported', 'notify.webhook'],
  ] as const) {
    const answer = await service.ask('/api/1.0/task', { body: task });
    t.match(answer.json(), { code, field }, answer.body);
  }
});

t.test('a site may allow its own services, or none', async (t) => {
  const inner = await aService(t, {
    store: new MemoryStore(),
    settings: { webhooks: { http: true, allow: ['10.1.0.0/16'] } },
  });
  await inner.submit(asking({ url: 'http://10.1.2.3/' }));
  const off = await aService(t, {
    store: new MemoryStore(),
    settings: { webhooks: { enabled: false } },
  });
  const answer = await off.ask('/api/1.0/task', { body: asking({ url: URL_ }) });
  t.match(answer.json(), { code: 'bad-field', msg: /off/ });
});

t.test('a secret is one’s own, shown once, and nowhere on record', async (t) => {
  const { ask, tokenOf, store, deps } = await aService(t, { store: new MemoryStore() });
  const make = async (): Promise<string> =>
    (await ask('/api/1.0/user/alice/webhook/secret', { method: 'POST' })).json<{ secret: string }>()
      .secret;
  const [first, second] = [await make(), await make()];
  t.match(first, /^whsec_[\w-]{43}$/);
  t.not(first, second);
  t.equal(await webhookSecret(store, deps.secret, userId('alice')), second);
  t.not(await webhookSecret(store, deps.secret, userId('bob')), second);
  const settings = [...(await store.settings('webhook-secret/'))];
  t.same(settings, [['webhook-secret/alice', '2']]);
  const token = await tokenOf('bob');
  const others = await ask('/api/1.0/user/alice/webhook/secret', { method: 'POST', token });
  t.equal(others.statusCode, 404);
});
