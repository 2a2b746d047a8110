/** Files of a job: directory listings and downloads, with ranges so that a log can be followed. */
import { extname } from 'node:path';
import { ServiceError } from '../../contracts/errors.js';
import type { OpenFile } from '../../contracts/files.js';
import type { Context } from '../context.js';
import { readRange } from '../ranges.js';
import type { Routes } from '../routes.js';

/** Compared letter by letter by the old command line; a download must have any other type. */
const LISTING_TYPE = 'application/json; charset=UTF-8';
const TEXT = new Set(['.log', '.err', '.txt', '.sh', '.out']);

export function fileRoutes({ deps, router, jobOf }: Routes): void {
  const answer = async (context: Context, id: string | undefined, path: string): Promise<void> => {
    const job = await jobOf(context, id);
    const found = await deps.files.find(job, path);
    if (found.kind === 'dir') {
      context.set('Content-Type', LISTING_TYPE);
      context.body = JSON.stringify(
        found.entries.map(({ name, type, size }) => ({ name, type, size })),
      );
      // Koa rewrites the type when a body is set.
      context.set('Content-Type', LISTING_TYPE);
      return;
    }
    await send(context, found.file, path);
  };
  router.get('/task/:id/files', (context) => answer(context, context.params.id, ''));
  router.get('/task/:id/files/', (context) => answer(context, context.params.id, ''));
  router.get('/task/:id/files/*path', (context) =>
    answer(context, context.params.id, context.params.path ?? ''),
  );

  async function send(context: Context, file: OpenFile, path: string): Promise<void> {
    const bytesMax = deps.config.web.fileBytesMax;
    const tag = `"${file.size.toString(16)}-${file.mtimeMs.toString(16)}"`;
    const ifRange = context.get('If-Range');
    const header = ifRange === '' || ifRange === tag ? context.get('Range') : '';
    const range = readRange(header, file.size);
    const length =
      range.kind === 'part' ? range.end - range.start + 1 : range.kind === 'whole' ? file.size : 0;

    context.set('Accept-Ranges', 'bytes');
    context.set('ETag', tag);
    context.set('Last-Modified', new Date(file.mtimeMs).toUTCString());
    context.set('Cache-Control', 'no-cache');
    // A user's file must never act as a page of ours.
    context.set('Content-Security-Policy', "sandbox; default-src 'none'");
    if (range.kind === 'outside' || (bytesMax !== null && length > bytesMax)) {
      await file.close();
      if (range.kind !== 'outside')
        throw new ServiceError('too-large', `this site sends at most ${bytesMax} bytes of a file`, {
          bytesMax,
        });
      context.set('Content-Range', `bytes */${file.size}`);
      throw new ServiceError('range-not-satisfiable', 'the file has nothing there (yet)', {
        size: file.size,
      });
    }
    context.status = range.kind === 'part' ? 206 : 200;
    context.type = TEXT.has(extname(path))
      ? 'text/plain; charset=utf-8'
      : 'application/octet-stream';
    if (range.kind === 'part')
      context.set('Content-Range', `bytes ${range.start}-${range.end}/${file.size}`);
    if (context.method === 'HEAD' || length === 0) {
      await file.close();
      context.body = '';
      context.length = length;
      return;
    }
    const start = range.kind === 'part' ? range.start : 0;
    context.body = file.stream({ start, end: start + length - 1 });
    context.length = length;
  }
}
