/** Files of a job: directory listings and downloads, with ranges so that a log can be followed. */
import { extname } from 'node:path';
import { ServiceError } from '../../contracts/errors.js';
import type { OpenFile } from '../../contracts/files.js';
import type { Context } from '../context.js';
import type { ApiDeps } from '../deps.js';
import { type RangeAnswer, readRange } from '../ranges.js';
import type { Routes } from '../routes.js';

/** Compared letter by letter by the old command line; a download must have any other type. */
const LISTING_TYPE = 'application/json; charset=UTF-8';
const TEXT = new Set(['.log', '.err', '.txt', '.sh', '.out']);

export function fileRoutes({ deps, router, jobOf }: Routes): void {
  const answer = async (context: Context, id: string | undefined, path: string): Promise<void> => {
    const found = await deps.files.find(await jobOf(context, id), path);
    if (found.kind === 'file') return send(context, found.file, path, deps);
    context.body = JSON.stringify(
      found.entries.map(({ name, type, size }) => ({ name, type, size })),
    );
    // After the body, whose setting would write a type of its own.
    context.set('Content-Type', LISTING_TYPE);
  };
  router.get('/task/:id/files', (context) => answer(context, context.params.id, ''));
  router.get('/task/:id/files/*path', (context) =>
    answer(context, context.params.id, context.params.path ?? ''),
  );
}

async function send(
  context: Context,
  file: OpenFile,
  path: string,
  { config }: ApiDeps,
): Promise<void> {
  const tag = `"${file.size.toString(16)}-${file.mtimeMs.toString(16)}"`;
  const ifRange = context.get('If-Range');
  const asked = ifRange === '' || ifRange === tag ? context.get('Range') : '';
  const range = readRange(asked, file.size);
  const [start, end] = range.kind === 'part' ? [range.start, range.end] : [0, file.size - 1];
  const length = range.kind === 'outside' ? 0 : end - start + 1;

  const refusal = refusalOf(range, length, file.size, config.web.fileBytesMax);
  if (refusal !== undefined) {
    await file.close();
    if (range.kind === 'outside') context.set('Content-Range', `bytes */${file.size}`);
    throw refusal;
  }
  context.set('Accept-Ranges', 'bytes');
  context.set('ETag', tag);
  context.set('Last-Modified', new Date(file.mtimeMs).toUTCString());
  // A user's file must never act as a page of ours.
  context.set('Content-Security-Policy', "sandbox; default-src 'none'");
  context.status = range.kind === 'part' ? 206 : 200;
  if (range.kind === 'part') context.set('Content-Range', `bytes ${start}-${end}/${file.size}`);
  const type = TEXT.has(extname(path)) ? 'text/plain; charset=utf-8' : 'application/octet-stream';
  if (context.method === 'HEAD' || length === 0) {
    await file.close();
    context.body = '';
  } else {
    context.body = file.stream({ start, end });
  }
  context.set('Content-Type', type);
  context.length = length;
}

function refusalOf(
  range: RangeAnswer,
  length: number,
  size: number,
  bytesMax: number | null,
): ServiceError | undefined {
  if (range.kind === 'outside')
    return new ServiceError('range-not-satisfiable', 'the file has nothing there (yet)', { size });
  if (bytesMax !== null && length > bytesMax)
    return new ServiceError('too-large', `this site sends at most ${bytesMax} bytes of a file`, {
      bytesMax,
    });
  return undefined;
}
