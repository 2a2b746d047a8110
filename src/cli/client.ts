/** Talks REST to one server: logs in, repeats what may be repeated, turns every failure into a sentence. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Login } from './credentials.js';
import { EXIT } from './exit-codes.js';
import { Failure, Refused, Unreachable } from './failure.js';
import { isRecord, readRefusal } from './wire.js';

/** Until the first byte of an answer. */
const ANSWER_MS_MAX = 30_000;
/** Reads, and writes that carry an idempotency key, are tried this often. */
const TRIES_MAX = 5;
const RETRY_MS_MIN = 250;
/** A server that asks to wait longer than this gets its error shown instead. */
const RETRY_MS_MAX = 30_000;

export interface CallOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as they are, in place of a body. */
  readonly bytes?: Uint8Array;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Ends the pauses between tries; a try that is under way goes on. */
  readonly triesUntil?: AbortSignal;
  /** May be sent again without doing harm. Default: true for GET. */
  readonly isRepeatable?: boolean;
  /** Statuses besides 200 that the caller wants to see itself; 401: the token is not renewed for it. */
  readonly accept?: readonly number[];
}

export class Client {
  readonly #login: Login;
  readonly #warn: (sentence: string) => void;
  #token: string | null;
  /** A server that never answered is more likely a wrong address than one that restarts. */
  #hasAnswered = false;

  /** `warn` hears, in a sentence, that a call is being repeated. */
  constructor(login: Login, warn: (sentence: string) => void) {
    this.#login = login;
    this.#warn = warn;
    this.#token = login.secret.kind === 'token' ? login.secret.token : null;
  }

  get user(): string {
    return this.#login.user;
  }

  /** The JSON of an answer. Throws `Refused`, `Unreachable` or another `Failure`. */
  async json(method: string, path: string, options: CallOptions = {}): Promise<unknown> {
    const isRepeatable = options.isRepeatable ?? method === 'GET';
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.open(method, path, options);
        return await readJson(answer);
      } catch (error) {
        if (!(error instanceof Unreachable) || !isRepeatable || attempt === TRIES_MAX) throw error;
        if (!this.#hasAnswered) throw error;
        const pauseMs = error.retryAfterMs ?? RETRY_MS_MIN * 2 ** (attempt - 1);
        if (pauseMs > RETRY_MS_MAX) throw error;
        if (options.triesUntil?.aborted === true) throw error;
        this.#warn(`${error.message}; trying again in ${(pauseMs / 1000).toFixed(1)} s`);
        await sleep(pauseMs, undefined, { signal: options.signal ?? options.triesUntil });
      }
    }
  }

  /** An answer whose body the caller reads, or cancels. One try, apart from a token that has run out. */
  async open(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    if (this.#token === null) this.#token = await this.#authenticate(options.signal);
    let answer = await this.#send(method, path, options, this.#token);
    const isRenewed = this.#login.secret.kind === 'apikey' && !options.accept?.includes(401);
    if (answer.status === 401 && isRenewed) {
      await answer.body?.cancel();
      this.#token = await this.#authenticate(options.signal);
      answer = await this.#send(method, path, options, this.#token);
    }
    if (answer.status === 200 || options.accept?.includes(answer.status)) return answer;
    throw await failureOf(answer);
  }

  /** As `json`, for the routes that need no login. */
  async publicJson(method: string, path: string, options: CallOptions = {}): Promise<unknown> {
    const answer = await this.#send(method, path, options, null);
    if (answer.status !== 200) throw await failureOf(answer);
    return readJson(answer);
  }

  async #authenticate(signal: AbortSignal | undefined): Promise<string> {
    const { secret, user, from } = this.#login;
    if (secret.kind === 'token') return secret.token;
    const answer = await this.#send(
      'POST',
      'authenticate',
      { body: { user, apikey: secret.apikey }, signal },
      null,
    );
    if (answer.status === 401 || answer.status === 403) {
      await answer.body?.cancel();
      throw new Failure(
        EXIT.notAllowed,
        `${this.#login.server} refuses the login of ${user} (from ${from}). Use "god login"`,
      );
    }
    if (answer.status !== 200) throw await failureOf(answer);
    const said = await readJson(answer);
    if (isRecord(said) && typeof said.token === 'string') return said.token;
    throw new Failure(EXIT.protocol, 'the server answered a login without a token');
  }

  async #send(
    method: string,
    path: string,
    { body, bytes, query, headers, signal }: CallOptions,
    token: string | null,
  ): Promise<Response> {
    const url = new URL(`${this.#login.server}/api/1.0/${path}`);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), ANSWER_MS_MAX);
    try {
      const answer = await fetch(url, {
        method,
        redirect: 'error',
        signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
        headers: {
          accept: '*/*',
          // A log is followed by byte offsets, so its bytes must arrive as they lie in the file.
          'accept-encoding': 'identity',
          'user-agent': 'god',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(bytes === undefined ? {} : { 'content-type': 'application/octet-stream' }),
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(bytes === undefined ? {} : { body: bytes }),
      });
      this.#hasAnswered = true;
      return answer;
    } catch (cause) {
      signal?.throwIfAborted();
      const why = late.signal.aborted ? `no answer in ${ANSWER_MS_MAX / 1000} s` : causeOf(cause);
      throw new Unreachable(`cannot reach ${this.#login.server}: ${why}`, null, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The part of an address that names a file in a job's directory. */
export function fileRoute(jobId: number, path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return `task/${jobId}/files/${parts.map(encodeURIComponent).join('/')}`;
}

async function readJson(answer: Response): Promise<unknown> {
  let text: string;
  try {
    text = await answer.text();
  } catch (cause) {
    throw new Unreachable(`the answer broke off: ${causeOf(cause)}`, null, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure(
      EXIT.protocol,
      `${new URL(answer.url).origin} does not answer as a GoDocker server does`,
      { cause },
    );
  }
}

async function failureOf(answer: Response): Promise<Failure> {
  const said = readRefusal(await answer.text().catch(() => ''), answer.status);
  if (answer.status !== 503 && answer.status !== 502 && answer.status !== 504)
    return new Refused(answer.status, said);
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN);
  return new Unreachable(said.sentence, Number.isFinite(seconds) ? seconds * 1000 : null);
}

/** fetch hides what happened in the cause of a "fetch failed". */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause;
  if (cause instanceof AggregateError && cause.errors.length > 0) return causeOf(cause.errors[0]);
  return cause instanceof Error ? cause.message || cause.name : error.message;
}
