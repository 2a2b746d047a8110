// A Docker registry on the loopback, which daemons trust without TLS: serves tiny images, and refuses or dawdles as told.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Scope, temporaryFolder } from './places.js';

const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
const CONFIG_TYPE = 'application/vnd.docker.container.image.v1+json';
const LAYER_TYPE = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const APPLETS = ['sh', 'cat', 'date', 'echo', 'kill', 'sleep', 'tail', 'true'];

interface Blob {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** An answer instead of a manifest, as registries give it. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export class Registry {
  /** `127.0.0.1:port`, the first part of its images' names. */
  host = '';
  /** While set, nobody gets a manifest. */
  refusal: Refusal | null = null;
  /** While set, nobody gets anything without them. */
  credentials: { readonly user: string; readonly password: string } | null = null;
  /** Requests that came without the right credentials. */
  turnedAway = 0;
  /** Manifests that were asked for, by name and tag or digest; those that were refused too. */
  readonly asked: string[] = [];
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifests = new Map<string, Blob>();
  readonly #layer: Blob;
  readonly #diffId: string;
  #gate: Promise<void> = Promise.resolve();

  constructor(root: Buffer) {
    this.#layer = this.#keep(gzipSync(root));
    this.#diffId = digestOf(root);
  }

  /** Puts an image under a name such as `tool:1`, in place of what it named before. Answers its name with the digest. */
  put(name: string, environment: readonly string[] = []): string {
    const config = this.#keep(
      json({
        architecture: 'amd64',
        os: 'linux',
        config: { Env: ['PATH=/bin', ...environment] },
        rootfs: { type: 'layers', diff_ids: [this.#diffId] },
        history: [{ created: '2026-01-01T00:00:00Z' }],
      }),
    );
    const manifest = blobOf(
      json({
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        config: { mediaType: CONFIG_TYPE, size: config.bytes.length, digest: config.digest },
        layers: [
          { mediaType: LAYER_TYPE, size: this.#layer.bytes.length, digest: this.#layer.digest },
        ],
      }),
    );
    const [repository = ''] = name.split(':');
    this.#manifests.set(name, manifest);
    this.#manifests.set(`${repository}@${manifest.digest}`, manifest);
    return `${this.host}/${repository}@${manifest.digest}`;
  }

  /** From now on nothing of an image arrives until the answer is called. */
  hold(): () => void {
    let open = (): void => {};
    this.#gate = new Promise((resolve) => {
      open = resolve;
    });
    return open;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (!this.#mayEnter(request)) {
      this.turnedAway++;
      response.setHeader('www-authenticate', 'Basic realm="test"');
      return refuse(response, UNAUTHORIZED);
    }
    const [, repository = '', kind, reference = ''] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    if (kind === undefined) return void response.end('{}');
    if (kind === 'blobs') {
      await this.#gate;
      const bytes = this.#blobs.get(reference);
      if (bytes === undefined) return refuse(response, NO_BLOB);
      response.writeHead(200, { 'content-length': bytes.length });
      return void response.end(bytes);
    }
    const name = `${repository}${reference.startsWith('sha256:') ? '@' : ':'}${reference}`;
    this.asked.push(name);
    await this.#gate;
    const manifest = this.#manifests.get(name);
    if (this.refusal !== null) return refuse(response, this.refusal);
    if (manifest === undefined) return refuse(response, NO_MANIFEST);
    response.writeHead(200, {
      'content-type': MANIFEST_TYPE,
      'content-length': manifest.bytes.length,
      'docker-content-digest': manifest.digest,
    });
    response.end(request.method === 'HEAD' ? undefined : manifest.bytes);
  }

  #mayEnter({ headers }: IncomingMessage): boolean {
    if (this.credentials === null) return true;
    const { user, password } = this.credentials;
    const word = Buffer.from(`${user}:${password}`).toString('base64');
    return headers.authorization === `Basic ${word}`;
  }

  #keep(bytes: Buffer): Blob {
    const blob = blobOf(bytes);
    this.#blobs.set(blob.digest, bytes);
    return blob;
  }
}

const NO_MANIFEST = { status: 404, code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' };
const NO_BLOB = { status: 404, code: 'BLOB_UNKNOWN', message: 'blob unknown' };
const UNAUTHORIZED = {
  status: 401,
  code: 'UNAUTHORIZED',
  message: 'authentication required',
};
export const RATE_LIMIT: Refusal = {
  status: 429,
  code: 'TOOMANYREQUESTS',
  message: 'You have reached your pull rate limit.',
};
export const BROKEN: Refusal = { status: 500, code: 'UNKNOWN', message: 'unknown error' };

function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message, detail: null }] }));
}

const digestOf = (bytes: Buffer): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const blobOf = (bytes: Buffer): Blob => ({ digest: digestOf(bytes), bytes });
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** An empty registry with a port of its own; its images hold busybox of this machine. It is closed after the test. */
export async function startRegistry(t: Scope, busybox: string): Promise<Registry> {
  const registry = new Registry(rootOf(t, busybox));
  const server = createServer((request, response) => {
    registry.answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  registry.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return registry;
}

/** A file system with busybox and nothing else, as an archive. */
function rootOf(t: Scope, busybox: string): Buffer {
  const folder = temporaryFolder(t, 'registry');
  const root = join(folder, 'root');
  for (const name of ['bin', 'tmp']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(realpathSync(busybox), join(root, 'bin', 'busybox'));
  for (const name of APPLETS) symlinkSync('busybox', join(root, 'bin', name));
  execFileSync('tar', ['-C', root, '-cf', join(folder, 'root.tar'), '.']);
  return readFileSync(join(folder, 'root.tar'));
}
