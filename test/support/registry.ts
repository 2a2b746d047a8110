// A registry of container images that wants a name and a password: one image, made from an archive of its files.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Scope } from './places.js';

export interface Registry {
  /** `127.0.0.1:port`: Docker speaks plain HTTP to loopback. */
  readonly host: string;
  /** Paths asked for, with and without the right password. */
  readonly served: string[];
  readonly refused: string[];
}

interface Stored {
  readonly type: string;
  readonly bytes: Buffer;
}

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const CONFIG = 'application/vnd.docker.container.image.v1+json';
const LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const digestOf = (bytes: Buffer): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Serves `<host>/<name>:<tag>` until the end of the test. `files` is a tar of the image's whole tree. */
export async function startRegistry(
  t: Scope,
  image: { readonly name: string; readonly tag: string; readonly files: Buffer },
  credential: { readonly user: string; readonly password: string },
): Promise<Registry> {
  const stored = contentOf(image.files, image.tag);
  const served: string[] = [];
  const refused: string[] = [];
  const wanted = `Basic ${Buffer.from(`${credential.user}:${credential.password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (request.headers.authorization !== wanted) {
      refused.push(path);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
      return;
    }
    served.push(path);
    const key = path.replace(`/v2/${image.name}/`, '').replace(/^(manifests|blobs)\//, '');
    const found = stored.get(key);
    if (path === '/v2/') response.writeHead(200).end('{}');
    else if (found === undefined) response.writeHead(404).end('{}');
    else
      response
        .writeHead(200, {
          'content-type': found.type,
          'content-length': found.bytes.length,
          'docker-content-digest': digestOf(found.bytes),
        })
        .end(request.method === 'HEAD' ? undefined : found.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, served, refused };
}

/** Manifest, configuration and layer, by what they are asked for as. */
function contentOf(files: Buffer, tag: string): ReadonlyMap<string, Stored> {
  const layer = gzipSync(files);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [digestOf(files)] },
    }),
  );
  const part = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    size: bytes.length,
    digest: digestOf(bytes),
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: part(CONFIG, config),
      layers: [part(LAYER, layer)],
    }),
  );
  return new Map([
    [tag, { type: MANIFEST, bytes: manifest }],
    [digestOf(manifest), { type: MANIFEST, bytes: manifest }],
    [digestOf(config), { type: CONFIG, bytes: config }],
    [digestOf(layer), { type: LAYER, bytes: layer }],
  ]);
}
