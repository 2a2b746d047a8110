/** Talks REST to the server these pages came from. */

import { readWhy, type WhyView } from '../../src/cli/why-view.js';
import {
  type FileView,
  isRecord,
  type JobView,
  readFiles,
  readJob,
  readJobs,
  readRefusal,
  readSubmitted,
  readWholeStatus,
  type StatusView,
} from '../../src/cli/wire.js';
import { Changes } from './changes.js';
import type { Session, SignInLink } from './session.js';

/** The server said no, or nothing. `status` 0: it could not be reached. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly field: string | null;

  constructor(status: number, message: string, field: string | null = null) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

export interface Image {
  readonly name: string;
  readonly url: string;
  readonly isDefault: boolean;
}

export interface VolumeOffer {
  readonly name: string;
  readonly acl: 'ro' | 'rw';
  readonly mount: string;
}

/** What the site offers to jobs. */
export interface Site {
  readonly images: readonly Image[];
  readonly isAnyImageAllowed: boolean;
  readonly isImageUsed: boolean;
  readonly volumes: readonly VolumeOffer[];
  readonly defaults: { readonly cpu: number; readonly ramGb: number };
  readonly version: string;
}

export type Secret =
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'apikey'; readonly apikey: string };

/** A piece of a log, and where the next one starts. */
export interface LogPiece {
  readonly bytes: Uint8Array;
  readonly next: number;
  /** False while there is no such file yet. */
  readonly isThere: boolean;
  /** Bytes before this piece that were left out, because only the end was asked for. */
  readonly skipped: number;
}

const BASE = new URL('../api/1.0/', new URL('.', document.baseURI));
const ANSWER_MS_MAX = 30_000;

export async function signIn(user: string, secret: Secret): Promise<Session> {
  const [route, body] =
    secret.kind === 'password'
      ? ['user/bind', { uid: user, password: secret.password }]
      : ['authenticate', { user, apikey: secret.apikey }];
  const answer = await send(null, 'POST', route, { body });
  const said: unknown = await answer.json();
  if (!isRecord(said) || typeof said.token !== 'string')
    throw new ApiError(answer.status, 'The server answered a sign-in without a token.');
  // Who signs in with a mail address is called otherwise.
  const login = isRecord(said.user) && typeof said.user.id === 'string' ? said.user.id : user;
  return { user: login, token: said.token };
}

/** Ends the session at the server. A token of an API key ends with its key alone, and is only forgotten here. */
export async function signOut(session: Session): Promise<void> {
  try {
    await send(session.token, 'DELETE', 'session', {});
  } catch (error) {
    // The session ends by itself; whoever signs out must not be kept by a server that is away.
    if (!(error instanceof ApiError)) throw error;
  }
}

export async function followSignInLink(link: SignInLink): Promise<Session> {
  if (link.kind === 'apikey') return signIn(link.user, { kind: 'apikey', apikey: link.apikey });
  const session = { user: link.user, token: link.token };
  await new Api(session, () => {}).activeJobs();
  return session;
}

export async function readSite(): Promise<Site> {
  const config: unknown = await (await send(null, 'GET', 'config', {})).json();
  if (!isRecord(config)) throw new ApiError(200, 'The server answered an odd configuration.');
  const defaults = isRecord(config.defaults) ? config.defaults : {};
  return {
    images: records(config.images).map((image) => ({
      name: String(image.name ?? image.url),
      url: String(image.url ?? image.name),
      isDefault: image.default === true,
    })),
    isAnyImageAllowed: config.allow_user_images === true,
    isImageUsed: config.image_used !== false,
    volumes: records(config.volumes).map((volume) => ({
      name: String(volume.name),
      acl: volume.acl === 'rw' ? 'rw' : 'ro',
      mount: String(volume.mount ?? ''),
    })),
    defaults: { cpu: Number(defaults.cpu ?? 1), ramGb: Number(defaults.ram ?? 1) },
    version: String(config.version ?? ''),
  };
}

/** The calls of somebody who is signed in. */
export class Api {
  readonly #session: Session;
  readonly #onSignedOut: () => void;

  /** Tells which jobs changed. */
  readonly changes: Changes;

  constructor(session: Session, onSignedOut: () => void) {
    this.#session = session;
    this.#onSignedOut = onSignedOut;
    this.changes = new Changes(this);
  }

  /** A stream of changes, from where a former one ended. */
  async events(
    lastId: string | undefined,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>> {
    const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
    const { body } = await this.#send('GET', 'events', { headers, signal, isEndless: true });
    if (body === null) throw new ApiError(200, 'The server answered without a stream.');
    return body;
  }

  async activeJobs(signal?: AbortSignal): Promise<readonly JobView[]> {
    return readJobs(await this.#json('GET', 'task/active', { signal }));
  }

  async overJobs(limit: number, signal?: AbortSignal): Promise<readonly JobView[]> {
    return readJobs(await this.#json('POST', `task/over/0/${limit}`, { signal }));
  }

  async job(id: number, signal?: AbortSignal): Promise<JobView> {
    return readJob(await this.#json('GET', `task/${id}`, { signal }));
  }

  async state(id: number, signal?: AbortSignal): Promise<StatusView> {
    return readWholeStatus(await this.#json('GET', `task/${id}/status`, { signal }));
  }

  /** Where a waiting job stands; the leader may take some seconds to find out. */
  async why(id: number, signal?: AbortSignal): Promise<WhyView> {
    return readWhy(await this.#json('GET', `task/${id}/why`, { signal }));
  }

  /** `key` makes a submission that is sent twice one job. */
  async submit(
    document: object,
    key: string,
  ): Promise<{ id: number; warnings: readonly string[] }> {
    const headers = { 'idempotency-key': key };
    return readSubmitted(await this.#json('POST', 'task?strict=1', { body: document, headers }));
  }

  async kill(id: number): Promise<void> {
    await this.#json('DELETE', `task/${id}`, {});
  }

  async files(id: number, path: string): Promise<readonly FileView[]> {
    return readFiles(await this.#json('GET', fileRoute(id, path), {}));
  }

  /** A whole file, for the browser to save. */
  async file(id: number, path: string): Promise<Blob> {
    return (await this.#send('GET', fileRoute(id, path), {})).blob();
  }

  /** What follows `from`; or, for `from` null, at most the last `tailBytes` of the file. */
  async log(
    id: number,
    name: string,
    { from, tailBytes, signal }: { from: number | null; tailBytes: number; signal: AbortSignal },
  ): Promise<LogPiece> {
    const range = from === null ? `bytes=-${tailBytes}` : `bytes=${from}-`;
    const start = from ?? 0;
    const nothing = { bytes: new Uint8Array(), next: start, skipped: 0 };
    let answer: Response;
    try {
      answer = await this.#send('GET', fileRoute(id, name), { headers: { range }, signal });
    } catch (error) {
      if (error instanceof ApiError && error.status === 416) return { ...nothing, isThere: true };
      if (error instanceof ApiError && error.status === 404) return { ...nothing, isThere: false };
      throw error;
    }
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const told = /^bytes (\d+)-/.exec(answer.headers.get('content-range') ?? '');
    const first = answer.status === 206 ? Number(told?.[1] ?? start) : 0;
    // A proxy that does not know ranges sends the whole file again.
    const fresh = bytes.subarray(Math.max(0, start - first));
    return {
      bytes: fresh,
      next: first + bytes.length,
      isThere: true,
      skipped: from === null ? first : 0,
    };
  }

  async #json(method: string, route: string, options: SendOptions): Promise<unknown> {
    return (await this.#send(method, route, options)).json();
  }

  async #send(method: string, route: string, options: SendOptions): Promise<Response> {
    try {
      return await send(this.#session.token, method, route, options);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.#onSignedOut();
      throw error;
    }
  }
}

interface SendOptions {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** The answer goes on: nothing but `signal` ends it. */
  readonly isEndless?: boolean;
}

async function send(
  token: string | null,
  method: string,
  route: string,
  { body, headers, signal, isEndless = false }: SendOptions,
): Promise<Response> {
  const late = AbortSignal.timeout(ANSWER_MS_MAX);
  let answer: Response;
  try {
    answer = await fetch(new URL(route, BASE), {
      method,
      credentials: 'omit',
      cache: 'no-store',
      signal: signal === undefined ? late : isEndless ? signal : AbortSignal.any([signal, late]),
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (_error) {
    signal?.throwIfAborted();
    throw new ApiError(0, 'The server does not answer.', null);
  }
  if (answer.status === 200 || answer.status === 206) return answer;
  const { sentence, field } = readRefusal(await answer.text(), answer.status);
  throw new ApiError(answer.status, sentence, field);
}

function fileRoute(id: number, path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  return `task/${id}/files/${parts.map(encodeURIComponent).join('/')}`;
}

const records = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.filter(isRecord) : [];
