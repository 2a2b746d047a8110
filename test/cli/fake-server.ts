// A small server that speaks the documented shapes, for tests of the command line. It runs nothing: a job goes one
// step further each time its status is asked for. The real service is met in the end-to-end suites.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeStep {
  readonly primary: 'pending' | 'running' | 'over';
  readonly secondary?: string;
  readonly log?: string | Buffer;
  readonly err?: string | Buffer;
  readonly exitcode?: number | null;
  readonly reason?: string;
  /** A number above the former step's is a further launch: output begins anew, the former one's is kept. */
  readonly launches?: number;
  readonly formerLaunches?: readonly object[];
  /** What launches wrote that nobody looked at, from the first on. */
  readonly formerLogs?: readonly string[];
}

interface FakeJob {
  readonly id: number;
  readonly asked: Record<string, unknown>;
  steps: FakeStep[];
  now: FakeStep;
  startedAt: number | null;
  endedAt: number | null;
  readonly files: Map<string, Buffer>;
}

type Answer = 'drop' | { status: number; body?: unknown; headers?: Record<string, string> };

/** Takes the place of one answer. */
export interface Fault {
  readonly when: RegExp;
  readonly answer: Answer;
  /** The server does its work first; only the answer is lost. */
  readonly isAfter?: boolean;
}

export const FAKE_KEY = 'key-of-ada';
const DAWN = 1_700_000_000;

export class FakeServer {
  readonly jobs = new Map<number, FakeJob>();
  readonly requests: { line: string; headers: IncomingMessage['headers']; body: string }[] = [];
  readonly faults: Fault[] = [];
  /** What each new job will go through. */
  plan: FakeStep[] = [
    { primary: 'running', log: 'hello\n' },
    { primary: 'over', exitcode: 0 },
  ];
  warnings: unknown[] = [];
  token = 1;
  hasRanges = true;
  isImageUsed = true;
  /** Folder of the built pages, served under /app/ with the policy of the real service. */
  pages: string | null = null;
  readonly #keys = new Map<string, number>();
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A job that is there already. */
  add(steps: FakeStep[], asked: Record<string, unknown> = {}): number {
    const id = this.jobs.size + 1;
    const job: FakeJob = {
      id,
      asked,
      steps: [...steps],
      now: { primary: 'pending' },
      startedAt: null,
      endedAt: null,
      files: new Map(),
    };
    this.jobs.set(id, job);
    return id;
  }

  advance(id: number): void {
    const job = this.jobs.get(id);
    const step = job?.steps.shift();
    if (job === undefined || step === undefined) return;
    const former = job.now.launches ?? 0;
    if (former > 0 && (step.launches ?? 0) > former)
      for (const name of ['god.log', 'god.err']) {
        const written = job.files.get(name);
        if (written !== undefined) job.files.set(`${name}-${former}`, written);
        job.files.delete(name);
      }
    step.formerLogs?.forEach((text, index) => {
      job.files.set(`god.log-${index + 1}`, Buffer.from(text));
    });
    job.now = step;
    if (step.primary === 'running') job.startedAt ??= DAWN + 1;
    if (step.primary === 'over') job.endedAt = DAWN + 3.5;
    this.#append(job, 'god.log', step.log);
    this.#append(job, 'god.err', step.err);
    if (job.startedAt !== null)
      for (const name of ['god.log', 'god.err']) this.#append(job, name, '');
  }

  #append(job: FakeJob, name: string, more: string | Buffer | undefined): void {
    if (more === undefined) return;
    job.files.set(name, Buffer.concat([job.files.get(name) ?? Buffer.alloc(0), Buffer.from(more)]));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const line = `${request.method} ${request.url}`;
    if (this.pages !== null && request.url?.startsWith('/app/') === true) {
      servePage(this.pages, request.url, response);
      return;
    }
    this.requests.push({ line, headers: request.headers, body });
    const at = this.faults.findIndex((fault) => fault.when.test(line));
    const [fault] = at < 0 ? [] : this.faults.splice(at, 1);
    const done =
      fault?.isAfter === true || fault === undefined ? this.#answer(request, body) : null;
    const answer = fault?.answer ?? done ?? { status: 500 };
    if (answer === 'drop') {
      request.socket.destroy();
      return;
    }
    const isRaw = Buffer.isBuffer(answer.body) || typeof answer.body === 'string';
    response.writeHead(answer.status, {
      'content-type': isRaw ? 'application/octet-stream' : 'application/json; charset=UTF-8',
      ...answer.headers,
    });
    response.end(isRaw ? answer.body : JSON.stringify(answer.body ?? {}));
  }

  #answer(request: IncomingMessage, body: string): Exclude<Answer, 'drop'> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const route = `${request.method} ${url.pathname.replace('/api/1.0/', '')}`;
    if (route === 'POST authenticate')
      return JSON.parse(body).apikey === FAKE_KEY
        ? { status: 200, body: { token: `t${this.token}` } }
        : { status: 401, body: { code: 'bad-credentials', msg: 'wrong user or key' } };
    if (route === 'POST user/bind')
      return JSON.parse(body).password === 'secret'
        ? { status: 200, body: { token: `t${this.token}` } }
        : { status: 401, body: { code: 'bad-credentials', msg: 'wrong user or password' } };
    if (route === 'GET config')
      return {
        status: 200,
        body: {
          image_used: this.isImageUsed,
          defaults: { cpu: 1, ram: 2 },
          version: '0.0-fake',
          volumes: [
            { name: 'home', acl: 'rw', mount: '/mnt/home' },
            { name: 'banks', acl: 'ro', mount: '/db' },
          ],
          images: [
            { name: 'a', url: 'a:1' },
            { name: 'b', url: 'b:2', default: true },
          ],
        },
      };
    if (request.headers.authorization !== `Bearer t${this.token}`)
      return { status: 401, body: { code: 'bad-token', msg: 'no such token' } };
    return this.#jobAnswer(route, url, request, body);
  }

  #jobAnswer(
    route: string,
    url: URL,
    request: IncomingMessage,
    body: string,
  ): Exclude<Answer, 'drop'> {
    if (route === 'POST task')
      return this.#submit(String(request.headers['idempotency-key']), body);
    if (route === 'GET task/active')
      return { status: 200, body: this.#docs((job) => job.now.primary !== 'over') };
    // As the pages ask.
    const over = /^POST task\/over\/(\d+)\/(\d+)$/.exec(route);
    if (over !== null) {
      const docs = this.#docs((job) => job.now.primary === 'over');
      return { status: 200, body: docs.slice(Number(over[1])).slice(0, Number(over[2])) };
    }
    if (route === 'GET tasks') {
      const docs = this.#docs((job) => job.now.primary === 'over');
      const start = Number(url.searchParams.get('after') ?? 0);
      const end = start + Number(url.searchParams.get('limit'));
      const next = end < docs.length ? String(end) : null;
      return { status: 200, body: { tasks: docs.slice(start, end), next } };
    }
    const [, id, rest = ''] = /^\w+ task\/(\d+)(\/.*)?$/.exec(route) ?? [];
    const job = this.jobs.get(Number(id));
    if (job === undefined)
      return { status: 404, body: { code: 'job-not-found', msg: `there is no job ${id}` } };
    if (request.method === 'DELETE') return this.#kill(job);
    if (rest === '/status') {
      this.advance(job.id);
      return { status: 200, body: { status: docOf(job).status, container: {} } };
    }
    if (rest === '') return { status: 200, body: docOf(job) };
    return this.#file(job, decodeURIComponent(rest.replace('/files/', '')), request.headers.range);
  }

  #submit(key: string, body: string): Exclude<Answer, 'drop'> {
    const id = this.#keys.get(key) ?? this.add(this.plan, JSON.parse(body));
    this.#keys.set(key, id);
    return { status: 200, body: { msg: 'Task added', id, warnings: this.warnings } };
  }

  #kill(job: FakeJob): Exclude<Answer, 'drop'> {
    if (job.now.primary === 'over')
      return { status: 409, body: { code: 'wrong-state', msg: `job ${job.id} is over` } };
    job.steps = [{ primary: 'over', secondary: 'killed', exitcode: 137 }];
    return { status: 200, body: { msg: 'Kill requested' } };
  }

  #file(job: FakeJob, path: string, range: string | undefined): Exclude<Answer, 'drop'> {
    if (path === '') {
      const entries = [...job.files].map(([name, data]) => ({
        name,
        type: 'file',
        size: data.length,
      }));
      return { status: 200, body: [{ name: 'results', type: 'dir', size: 0 }, ...entries] };
    }
    const data = job.files.get(path);
    if (data === undefined)
      return { status: 404, body: { code: 'file-not-found', msg: `there is no file ${path}` } };
    if (range === undefined || !this.hasRanges) return { status: 200, body: data };
    const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
    const from = first === '' ? Math.max(0, data.length - Number(last)) : Number(first);
    if (from >= data.length) return { status: 416, body: '' };
    const headers = { 'content-range': `bytes ${from}-${data.length - 1}/${data.length}` };
    return { status: 206, body: data.subarray(from), headers };
  }

  #docs(isWanted: (job: FakeJob) => boolean): unknown[] {
    return [...this.jobs.values()].filter(isWanted).map(docOf);
  }
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

function servePage(folder: string, url: string, response: ServerResponse): void {
  const name = url.slice('/app/'.length).replace(/[?#].*/, '') || 'index.html';
  response.writeHead(200, {
    'content-type': TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
    'content-security-policy':
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  });
  response.end(readFileSync(`${folder}/${name}`));
}

function docOf(job: FakeJob) {
  const meta = (job.asked.meta ?? { name: 'made up', description: '', tags: [] }) as object;
  return {
    id: job.id,
    date: DAWN,
    user: { id: 'ada', project: 'default' },
    meta,
    requirements: { cpu: 1, ram: 1, gpus: 0, label: [], ...(job.asked.requirements as object) },
    container: {
      image: 'b:2',
      volumes: [],
      ports: [],
      meta: job.startedAt === null ? null : { Node: { Name: 'node-1' } },
      ...(job.asked.container as object),
    },
    command: job.asked.command ?? { interactive: false, cmd: '#!/bin/sh\ntrue\n' },
    status: {
      primary: job.now.primary,
      secondary: job.now.secondary ?? (job.now.primary === 'over' ? '' : null),
      reason: job.now.reason ?? null,
      exitcode: job.now.exitcode ?? null,
      ...(job.now.launches === undefined ? {} : { launches: job.now.launches }),
      ...(job.now.formerLaunches === undefined ? {} : { former_launches: job.now.formerLaunches }),
      date_over: job.endedAt,
      ...(job.startedAt === null ? {} : { date_running: job.startedAt }),
    },
  };
}
