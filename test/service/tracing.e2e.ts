// A service tells a collector of a job's whole life. The collector is a small server that keeps what OTLP over HTTP brings, as JSON.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { startService } from '../support/service.js';
import { waitFor } from '../support/waiting.js';

t.setTimeout(120_000);

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}

async function startCollector(t: Test): Promise<{ readonly url: string; readonly spans: Span[] }> {
  const spans: Span[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { resourceSpans } = JSON.parse(body) as {
      readonly resourceSpans: readonly {
        readonly scopeSpans: readonly { readonly spans: Span[] }[];
      }[];
    };
    for (const { scopeSpans } of resourceSpans)
      for (const scope of scopeSpans) spans.push(...scope.spans);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`, spans };
}

t.test('one trace from submission to end, also across a kill -9', async (t) => {
  const { url: collector, spans } = await startCollector(t);
  const env = { GODOCKER_TRACING_ENDPOINT: collector };
  const service = await startService(t, { env });
  const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
  const id = await submit(service, '#!/bin/sh\necho "$TRACEPARENT"\nsleep 4\nexit 3\n', {
    traceparent: `00-${parent.traceId}-${parent.spanId}-01`,
  });
  await service.client.until(id, ['running']);
  await waitFor('submission and launch are told', 30_000, () => spans.length >= 3);
  await service.kill9();
  const again = await startService(t, { home: service.home, env });
  await again.client.until(id, ['over']);
  const own = () => spans.filter(({ traceId }) => traceId === parent.traceId);
  await waitFor('the end is told', 30_000, () => own().some(({ name }) => name === 'end'));
  t.same(
    own()
      .map(({ name }) => name)
      .sort(),
    ['end', 'launch', 'run', 'submission', 'wait'],
  );
  const of = (name: string) => own().find((span) => span.name === name);
  const root = of('submission');
  t.equal(root?.parentSpanId, parent.spanId, 'it joins the trace of the caller');
  for (const name of ['wait', 'launch', 'run', 'end'])
    t.equal(of(name)?.parentSpanId, root?.spanId, `${name} hangs on the submission`);
  const run = of('run');
  t.ok(Number(run?.endTimeUnixNano) - Number(run?.startTimeUnixNano) >= 3e9, 'as long as it ran');
  t.match(of('end')?.attributes, [
    { key: 'godocker.outcome', value: { stringValue: 'exited' } },
    { key: 'godocker.exit_code', value: { intValue: 3 } },
    { key: 'godocker.job.id', value: { intValue: id } },
  ]);
  const log = await again.client.file(id, 'god.log');
  t.equal(log.trim(), `00-${parent.traceId}-${root?.spanId}-01`, 'the job may join it');
});

t.test('a collector that is away holds nobody up', async (t) => {
  const env = { GODOCKER_TRACING_ENDPOINT: 'http://127.0.0.1:9/v1/traces' };
  const service = await startService(t, { env });
  const id = await service.client.submit('#!/bin/sh\ntrue\n');
  t.equal((await service.client.until(id, ['over'])).status.primary, 'over');
  await service.stop();
});

async function submit(
  service: Awaited<ReturnType<typeof startService>>,
  script: string,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const { user, apikey } = service.admin;
  const json = { 'content-type': 'application/json' };
  const signedIn = await fetch(`${service.url}/api/1.0/authenticate`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ user, apikey }),
  });
  const { token } = (await signedIn.json()) as { readonly token: string };
  const answer = await fetch(`${service.url}/api/1.0/task`, {
    method: 'POST',
    headers: { ...json, ...headers, authorization: `Bearer ${token}` },
    body: JSON.stringify(await service.client.document(script)),
  });
  return ((await answer.json()) as { readonly id: number }).id;
}
