// A client of the REST API that knows its documented shapes and nothing of our code.
import { type Dispatcher, Pool } from 'undici';
import { sleep } from './waiting.js';

/** What tests read of a job; the rest is there, untyped. */
export interface JobDocument {
  readonly id: number;
  readonly status: {
    readonly primary: string;
    readonly secondary: string | null;
    readonly reason: string | null;
    readonly exitcode?: number | null;
    readonly date_running?: number;
    readonly date_over: number | null;
    /** Seconds; there once it is over. */
    readonly duration?: number;
  };
  readonly meta: { readonly name: string };
  readonly container: {
    readonly volumes: readonly { readonly name: string; readonly path?: string }[];
    readonly meta: {
      readonly State?: { readonly ExitCode?: number };
      /** Bytes of the job's directory; there once they are measured, after the end. */
      readonly disk_size?: number;
    } | null;
  };
}

export interface JobRequest {
  readonly name?: string;
  readonly cpu?: number;
  /** In GB. */
  readonly ram?: number;
  readonly image?: string;
  readonly volumes?: readonly { readonly name: string; readonly acl?: string }[];
  readonly label?: readonly string[];
  /** As `5m`. */
  readonly maxlifespan?: string;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly text: string;
}

const CALL_MS_MAX = 30_000;
const CONNECTIONS_MAX = 32;
const ASK_EACH_MS = 100;

export class RestClient {
  readonly url: string;
  /** Much lighter than fetch: tests and benchmarks share the machine with the service. */
  readonly #pool: Pool;
  #token: string | null = null;
  #image: Promise<string> | undefined;

  constructor(url: string) {
    this.url = url;
    const limits = { headersTimeout: CALL_MS_MAX, bodyTimeout: CALL_MS_MAX };
    this.#pool = new Pool(url, { connections: CONNECTIONS_MAX, ...limits });
  }

  static async signIn(
    url: string,
    { user, apikey }: { readonly user: string; readonly apikey: string },
  ): Promise<RestClient> {
    const client = new RestClient(url);
    const answer = await client.post('/api/1.0/authenticate', { user, apikey });
    client.#token = (answer as { readonly token: string }).token;
    return client;
  }

  /** The header that says who is asking. */
  get authorization(): string {
    return `Bearer ${this.#token ?? ''}`;
  }

  /** Any call, whatever the answer's status. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RestAnswer> {
    const ask = () => this.#ask(method, path, body, headers);
    // A server closes idle connections, at times just when we use one; a POST may have been carried out.
    if (method === 'POST') return ask();
    return ask().catch((error: unknown) => {
      if ((error as { readonly code?: string }).code !== 'UND_ERR_SOCKET') throw error;
      return ask();
    });
  }

  async #ask(
    method: string,
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>>,
  ): Promise<RestAnswer> {
    const answer = await this.#pool.request({
      method: method as Dispatcher.HttpMethod,
      path,
      headers: {
        'content-type': 'application/json',
        ...(this.#token === null ? {} : { authorization: this.authorization }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, text };
  }

  async get(path: string): Promise<unknown> {
    return read(`GET ${path}`, await this.call('GET', path));
  }

  async post(path: string, body: unknown): Promise<unknown> {
    return read(`POST ${path}`, await this.call('POST', path, body));
  }

  /** Submits a script; answers the job's id. */
  async submit(script: string, request: JobRequest = {}): Promise<number> {
    const document = await this.document(script, request);
    return ((await this.post('/api/1.0/task', document)) as { readonly id: number }).id;
  }

  /** A submission as the original's command line writes it. */
  async document(script: string, request: JobRequest = {}): Promise<Record<string, unknown>> {
    return {
      date: Date.now() / 1000,
      meta: { name: request.name ?? 'test', description: '', tags: [] },
      requirements: {
        cpu: request.cpu ?? 1,
        ram: request.ram ?? 0.05,
        array: { values: null },
        label: request.label ?? [],
        tasks: [],
        tmpstorage: null,
        ...(request.maxlifespan === undefined ? {} : { maxlifespan: request.maxlifespan }),
      },
      container: {
        image: request.image ?? (await this.defaultImage()),
        volumes: request.volumes ?? [],
        network: true,
        id: null,
        meta: null,
        stats: null,
        ports: [],
        root: false,
      },
      command: { interactive: false, cmd: script },
      status: { primary: null, secondary: null },
    };
  }

  async job(id: number): Promise<JobDocument> {
    return (await this.get(`/api/1.0/task/${id}`)) as JobDocument;
  }

  async kill(id: number): Promise<void> {
    read(`DELETE /api/1.0/task/${id}`, await this.call('DELETE', `/api/1.0/task/${id}`));
  }

  /** Asks until the job's primary state is one of `states`. */
  async until(id: number, states: readonly string[], limitMs = 60_000): Promise<JobDocument> {
    const startedAt = performance.now();
    for (;;) {
      const job = await this.job(id);
      if (states.includes(job.status.primary)) return job;
      if (performance.now() - startedAt > limitMs)
        throw new Error(
          `job ${id} is ${job.status.primary} (${job.status.reason ?? 'no reason'}), not ${states.join(' or ')}, after ${limitMs / 1000} s`,
        );
      await sleep(ASK_EACH_MS);
    }
  }

  over = (id: number, limitMs?: number): Promise<JobDocument> => this.until(id, ['over'], limitMs);

  async allOver(ids: readonly number[], limitMs = 60_000): Promise<readonly JobDocument[]> {
    const endAt = performance.now() + limitMs;
    const over: JobDocument[] = [];
    for (const id of ids)
      over.push(await this.over(id, Math.max(1_000, endAt - performance.now())));
    return over;
  }

  /** The text of a file in the job directory. */
  async file(id: number, path: string): Promise<string> {
    const answer = await this.call('GET', `/api/1.0/task/${id}/files/${path}`);
    if (answer.status !== 200)
      throw new Error(`file ${path} of ${id}: ${answer.status} ${answer.text}`);
    return answer.text;
  }

  /** The image a job gets that names none. */
  defaultImage(): Promise<string> {
    this.#image ??= this.get('/api/1.0/config').then((config) => {
      const { images } = config as { images: readonly { url: string; default?: boolean }[] };
      const image = images.find((one) => one.default === true) ?? images[0];
      if (image === undefined) throw new Error('the site lists no image');
      return image.url;
    });
    return this.#image;
  }
}

function read(what: string, answer: RestAnswer): unknown {
  if (answer.status !== 200)
    throw new Error(`${what}: ${answer.status} ${answer.text.slice(0, 300)}`);
  return JSON.parse(answer.text);
}
