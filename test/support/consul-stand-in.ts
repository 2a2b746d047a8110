// No Consul can be installed here. This answers the calls that our plugin makes as Consul's documentation says, keeps what was asked,
// and lets checks expire by a clock that tests move. It is not Consul: what it does not know it refuses.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

interface Registered {
  readonly ID: string;
  readonly Name: string;
  readonly Meta: Readonly<Record<string, string>>;
  readonly Check: { readonly CheckID: string; readonly TTL: string };
  passedMs: number | null;
}

export interface ConsulStandIn {
  readonly url: string;
  /** Method, path and token of each call, in order. */
  readonly asked: readonly string[];
  readonly services: ReadonlyMap<string, Registered>;
  later(ms: number): void;
  /** As after a restart of an agent that keeps nothing. */
  forget(): void;
}

export async function startConsulStandIn(t: Test): Promise<ConsulStandIn> {
  const services = new Map<string, Registered>();
  const asked: string[] = [];
  let nowMs = 0;
  const isPassing = ({ passedMs, Check }: Registered) =>
    passedMs !== null && nowMs - passedMs <= Number.parseInt(Check.TTL, 10) * 1_000;
  const answer = (method: string, path: string, body: string): readonly [number, string] => {
    if (method === 'PUT' && path === '/v1/agent/service/register') {
      const service = JSON.parse(body) as Registered;
      services.set(service.ID, { ...service, passedMs: null });
      return [200, ''];
    }
    const [, kind, name = ''] =
      /^\/v1\/(agent\/check\/pass|agent\/service\/deregister|health\/service)\/([^?]+)/.exec(
        path,
      ) ?? [];
    if (method === 'PUT' && kind === 'agent/check/pass') {
      const service = [...services.values()].find(({ Check }) => Check.CheckID === name);
      if (service === undefined) return [404, `Unknown check ID "${name}".`];
      service.passedMs = nowMs;
      return [200, ''];
    }
    if (method === 'PUT' && kind === 'agent/service/deregister')
      return services.delete(name) ? [200, ''] : [404, `Unknown service ID "${name}".`];
    if (method === 'GET' && kind === 'health/service' && path.endsWith('?passing=true')) {
      const found = [...services.values()].filter((one) => one.Name === name && isPassing(one));
      return [200, JSON.stringify(found.map(({ ID, Meta }) => ({ Service: { ID, Meta } })))];
    }
    return [405, `the stand-in does not know ${method} ${path}`];
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method = '', url = '' } = request;
    asked.push(`${method} ${url} ${request.headers['x-consul-token'] ?? '-'}`);
    const [status, text] = answer(method, url, body);
    response.writeHead(status).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    services,
    later: (ms) => {
      nowMs += ms;
    },
    forget: () => services.clear(),
  };
}
