/** Sends a file of a user, or says why not: ranges, conditions, and headers that keep it from acting as a page of ours. */
import { extname } from 'node:path';
import { ServiceError } from '../../contracts/errors.js';
import type { OpenFile } from '../../contracts/files.js';
import type { Context } from '../context.js';
import { isSameRevision, type RangeAnswer, readRange } from '../ranges.js';

const TEXT = new Set(['.log', '.err', '.txt', '.sh', '.out']);

export interface Sending {
  readonly file: OpenFile;
  /** As it is offered for saving. */
  readonly name: string;
  readonly headers: {
    readonly Range: string | undefined;
    readonly 'If-Range': string | undefined;
  };
  readonly fileBytesMax: number | null;
  readonly nowMs: number;
}

/** Takes over the file. @throws ServiceError `range-not-satisfiable`, `too-large` */
export async function sendFile(context: Context, sending: Sending): Promise<void> {
  const { file, name, headers, fileBytesMax, nowMs } = sending;
  try {
    const tag = `"${file.revision}"`;
    const isSame = isSameRevision(headers['If-Range'], { tag, mtimeMs: file.mtimeMs, nowMs });
    const range = readRange((isSame ? headers.Range : undefined) ?? '', file.size);
    const [start, end] = range.kind === 'part' ? [range.start, range.end] : [0, file.size - 1];
    const length = end - start + 1;
    setFacts(context, { tag, name, mtimeMs: file.mtimeMs });
    if (isKnown(context)) {
      context.status = 304;
      return await file.close();
    }
    refuse(context, range, { length, size: file.size, bytesMax: fileBytesMax });
    context.status = range.kind === 'part' ? 206 : 200;
    if (range.kind === 'part') context.set('Content-Range', `bytes ${start}-${end}/${file.size}`);
    if (context.method === 'HEAD' || length === 0) {
      await file.close();
      context.body = '';
    } else context.body = file.stream({ start, end });
    context.set('Content-Type', typeOf(name));
    context.length = length;
  } catch (error) {
    await file.close();
    throw error;
  }
}

const typeOf = (name: string): string =>
  TEXT.has(extname(name)) ? 'text/plain; charset=utf-8' : 'application/octet-stream';

function setFacts(
  context: Context,
  { tag, name, mtimeMs }: { readonly tag: string; readonly name: string; readonly mtimeMs: number },
): void {
  context.set('Accept-Ranges', 'bytes');
  context.set('ETag', tag);
  context.set('Last-Modified', new Date(mtimeMs).toUTCString());
  offerForSaving(context, name);
}

/** A user's file must never act as a page of ours; its name may hold anything. */
export function offerForSaving(context: Context, name: string): void {
  context.set('Content-Security-Policy', "sandbox; default-src 'none'");
  context.attachment(name);
}

/** The client has it already: said by `If-None-Match` or `If-Modified-Since`. */
function isKnown(context: Context): boolean {
  if (context.get('Range') !== '') return false;
  context.status = 200;
  return context.fresh;
}

function refuse(
  context: Context,
  range: RangeAnswer,
  { length, size, bytesMax }: { length: number; size: number; bytesMax: number | null },
): void {
  if (range.kind === 'outside') {
    context.set('Content-Range', `bytes */${size}`);
    throw new ServiceError('range-not-satisfiable', 'the file has nothing there (yet)', { size });
  }
  if (bytesMax !== null && length > bytesMax)
    throw new ServiceError('too-large', `this site sends at most ${bytesMax} bytes of a file`, {
      bytesMax,
    });
}
