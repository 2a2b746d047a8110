// The registries of processes outside: a real etcd, and what our plugin says to Consul, to a stand-in.
import t, { type Test } from 'tap';
import statusConsul from '../../plugins/status-consul.js';
import statusEtcd from '../../plugins/status-etcd.js';
import type { Presence } from '../../src/contracts/presence.js';
import { systemClock } from '../../src/host/system.js';
import { hostOf } from '../api/a-service.js';
import { aCard, presenceSuite } from '../contracts/presence.js';
import { startConsulStandIn } from '../support/consul-stand-in.js';
import { isEtcdMissing, startEtcd } from '../support/etcd.js';
import { sleep, waitFor } from '../support/waiting.js';

t.setTimeout(180_000);

const host = {
  ...hostOf({ user: async () => undefined, changeUser: async () => undefined }, []),
  clock: systemClock,
};
const etcd = (url: string, prefix = '/godocker'): Presence =>
  statusEtcd.create({ url, prefix }, host);
const consul = (url: string, token: string | null = null): Presence =>
  statusConsul.create({ url, token }, host);

t.test('etcd', async (t) => {
  if (isEtcdMissing(t)) return;
  const { url } = await startEtcd(t);
  let count = 0;
  await presenceSuite(t, async () => {
    const prefix = `/site-${++count}`;
    return { open: async () => etcd(url, prefix), later: sleep };
  });
});

t.test(
  'etcd: a lease that is gone is taken anew; a server that is away is said to be',
  async (t) => {
    if (isEtcdMissing(t)) return;
    const server = await startEtcd(t);
    const presence = etcd(server.url);
    await presence.beat(aCard());
    const leases = await post(server.url, 'lease/leases', {});
    const [first] = (leases as { leases: readonly { ID: string }[] }).leases;
    await post(server.url, 'lease/revoke', first);
    t.same(await presence.present(), []);
    await presence.beat(aCard());
    t.same(
      (await presence.present()).map(({ name }) => name),
      [aCard().name],
    );
    const key = Buffer.from('/godocker/process/web/odd').toString('base64');
    await post(server.url, 'kv/put', { key, value: Buffer.from('{').toString('base64') });
    t.equal((await presence.present()).length, 1, 'what others write there hides nobody');
    await server.process.kill9();
    await t.rejects(presence.beat(aCard()));
    await t.rejects(presence.present());
    // It comes back on the same port without its data.
    await startEtcd(t, server.port);
    await waitFor('the process is known again', 20_000, async () => {
      await presence.beat(aCard());
      return (await presence.present()).length === 1;
    });
  },
);

async function post(url: string, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${url}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

t.test('Consul (a stand-in)', (t: Test) =>
  presenceSuite(t, async (t) => {
    const server = await startConsulStandIn(t);
    return {
      open: async () => consul(server.url),
      later: async (ms) => server.later(ms),
    };
  }),
);

t.test('Consul (a stand-in): what is said to it, once and again', async (t) => {
  const server = await startConsulStandIn(t);
  const presence = consul(server.url, 'secret');
  await presence.beat(aCard());
  await presence.beat(aCard());
  t.same(server.asked, [
    'PUT /v1/agent/service/register secret',
    'PUT /v1/agent/check/pass/web-host-1-a_check secret',
    'PUT /v1/agent/check/pass/web-host-1-a_check secret',
  ]);
  t.match(server.services.get(aCard().name), {
    Name: 'godocker-web',
    Address: '127.0.0.1',
    Port: 6543,
    Check: { TTL: '20s', DeregisterCriticalServiceAfter: '1m' },
  });
  server.forget();
  await presence.beat(aCard());
  t.ok(server.services.has(aCard().name), 'an agent that has forgotten us is told again');
});
