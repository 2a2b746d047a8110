// Calls of real listeners, with a resolver that lies as an attacker's would.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import t, { type Test } from 'tap';
import { type Resolve, webhookSender } from '../../src/host/webhook-sender.js';

const RULES = { isOn: true, allowsHttp: true, allow: ['127.0.0.1'] };
const BODY = '{"é":1}';

interface Heard {
  readonly request: IncomingMessage;
  readonly body: string;
}

async function aListener(t: Test, answer: RequestListener) {
  const heard: Heard[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    heard.push({ request, body });
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { heard, port: (server.address() as AddressInfo).port };
}

const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(code, headers).end('ok');

const asked = (url: string) => ({ url, headers: { 'x-godocker-delivery': '1-1-end' }, body: BODY });

t.test('a call arrives whole, at the address that was resolved, under its own name', async (t) => {
  const { heard, port } = await aListener(t, status(204));
  const send = webhookSender({ rules: RULES, resolve: async () => ['127.0.0.1'] });
  t.same(await send(asked(`http://hooks.example.org:${port}/a?b=c`)), { kind: 'done' });
  t.match(heard[0]?.request, {
    method: 'POST',
    url: '/a?b=c',
    headers: { host: `hooks.example.org:${port}`, 'x-godocker-delivery': '1-1-end' },
  });
  t.equal(heard[0]?.body, BODY);
});

t.test('a name that resolves to what stands beside us is not called', async (t) => {
  const { heard, port } = await aListener(t, status(200));
  const rules = { ...RULES, allow: [] };
  for (const addresses of [
    ['127.0.0.1'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['10.0.0.1'],
    ['169.254.169.254'],
    ['93.184.216.34', '127.0.0.1'],
    ['not an address'],
  ]) {
    const send = webhookSender({ rules, resolve: async () => addresses });
    const answer = await send(asked(`http://hooks.example.org:${port}/`));
    t.equal(answer.kind, 'refused', addresses.join(' '));
  }
  t.equal(heard.length, 0);
});

t.test('a name that changes between check and call is asked once', async (t) => {
  const { heard, port } = await aListener(t, status(200));
  let asks = 0;
  const resolve: Resolve = async () => {
    asks += 1;
    return [asks === 1 ? '127.0.0.1' : '127.0.0.2'];
  };
  const send = webhookSender({ rules: RULES, resolve });
  t.equal((await send(asked(`http://hooks.example.org:${port}/`))).kind, 'done');
  t.equal(asks, 1);
  t.equal(heard.length, 1);
  t.equal(
    (await send(asked(`http://hooks.example.org:${port}/`))).kind,
    'refused',
    'the next time',
  );
});

t.test('redirects are not followed', async (t) => {
  const inner = await aListener(t, status(200));
  const location = `http://127.0.0.1:${inner.port}/inner`;
  for (const code of [301, 302, 307, 308]) {
    const { port } = await aListener(t, status(code, { location }));
    const send = webhookSender({ rules: RULES });
    t.same(await send(asked(`http://127.0.0.1:${port}/`)), {
      kind: 'failed',
      because: `it answers ${code}`,
    });
  }
  t.equal(inner.heard.length, 0);
});

t.test('what others answer', async (t) => {
  for (const [code, kind] of [
    [200, 'done'],
    [400, 'failed'],
    [410, 'refused'],
    [503, 'failed'],
  ] as const) {
    const { port } = await aListener(t, status(code));
    const send = webhookSender({ rules: RULES });
    t.equal((await send(asked(`http://127.0.0.1:${port}/`))).kind, kind, String(code));
  }
});

t.test('an answer without end is not read', async (t) => {
  const { port } = await aListener(t, (_, response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  });
  const send = webhookSender({ rules: RULES });
  t.same(await send(asked(`http://127.0.0.1:${port}/`)), { kind: 'done' });
});

t.test('who never answers, and who never resolves, is given up', async (t) => {
  const silent = createTcpServer(() => {});
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const options = { rules: RULES, answerMsMax: 200 };
  const because = 'no answer in 0.2 s';
  const answer = await webhookSender(options)(asked(`http://127.0.0.1:${port}/`));
  t.same(answer, { kind: 'failed', because });
  const never = webhookSender({ ...options, resolve: () => new Promise(() => {}) });
  t.same(await never(asked('http://hooks.example.org/')), { kind: 'failed', because });
});

t.test('nobody there, no such name, no address', async (t) => {
  const { port } = await aListener(t, status(200));
  const none = webhookSender({ rules: RULES, resolve: async () => [] });
  t.equal((await none(asked(`http://x.example.org:${port}/`))).kind, 'failed');
  const unknown = async () => {
    throw Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
  };
  const send = webhookSender({ rules: RULES, resolve: unknown });
  t.same(await send(asked('http://x.example.org/')), { kind: 'failed', because: 'ENOTFOUND' });
  const tls = await webhookSender({ rules: RULES })(asked(`https://127.0.0.1:${port}/`));
  t.equal(tls.kind, 'failed', 'no TLS there');
});
