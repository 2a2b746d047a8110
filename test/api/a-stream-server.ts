// The API behind a real port, for answers that go on.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import type { Test } from 'tap';
import { createApi } from '../../src/api/app.js';
import type { JobNote } from '../../src/contracts/live.js';
import { type SseEvent, SseReader } from '../../src/core/sse.js';
import { FakeTime } from '../support/fake-time.js';
import { MemoryStore } from '../support/memory-store.js';
import { aService } from './a-service.js';

export interface Heard {
  readonly answer: IncomingMessage;
  readonly events: SseEvent[];
  readonly text: () => string;
  readonly isOver: () => boolean;
  readonly leave: () => void;
}

/** A service behind a real port whose streams' time is moved by hand; `open` opens a stream as a browser would. */
export async function aStreamServer(t: Test) {
  const time = new FakeTime();
  const service = await aService(t, { time, store: new MemoryStore() });
  const server = createServer(createApi({ ...service.deps, metrics: new Registry() }).callback());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  async function open(
    path: string,
    { token, headers = {} }: { token?: string; headers?: Record<string, string> } = {},
  ): Promise<Heard> {
    const bearer = token ?? (await service.tokenOf('alice'));
    const asked = request({
      ...{ host: '127.0.0.1', port, path: `/api/1.0/${path}` },
      headers: { authorization: `Bearer ${bearer}`, ...headers },
    });
    asked.end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const reader = new SseReader(1_000_000);
    const heard = { text: '', isOver: false };
    const events: SseEvent[] = [];
    answer.setEncoding('utf8');
    answer.on('data', (chunk: string) => {
      heard.text += chunk;
      if (answer.statusCode === 200) events.push(...reader.push(chunk));
    });
    answer.on('close', () => {
      heard.isOver = true;
    });
    // Our own leaving is no failure.
    answer.on('error', () => {});
    return {
      ...{ answer, events, text: () => heard.text, isOver: () => heard.isOver },
      leave: () => asked.destroy(),
    };
  }
  /** Lets what was told pass through the feed. */
  const tell = async (...notes: readonly JobNote[]): Promise<void> => {
    service.news.publish(notes);
    await time.pass(500);
  };
  return { ...service, time, open, tell, url: `http://127.0.0.1:${port}` };
}
