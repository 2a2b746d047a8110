/** Files of a job: directory listings and downloads, with ranges so that a log can be followed. */
import { extname } from 'node:path';
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import type { OpenFile } from '../../contracts/files.js';
import type { Job } from '../../core/job.js';
import type { Context } from '../context.js';
import type { ApiDeps } from '../deps.js';
import { JOB_ID } from '../fields.js';
import { type RangeAnswer, readRange } from '../ranges.js';
import { type Answer, content, json, type Route, route } from '../route.js';
import { shape, whole } from '../schemas/answer.js';

/** Compared letter by letter by the old command line; a download must have any other type. */
const LISTING_TYPE = 'application/json; charset=UTF-8';
const TEXT = new Set(['.log', '.err', '.txt', '.sh', '.out']);

const LISTING = z.array(
  shape({
    name: z.string(),
    type: z.enum(['file', 'dir']),
    size: whole.meta({ description: 'Bytes.' }),
  }),
);
const HEADERS = {
  Range: z.string().optional().describe('One range of bytes; several are answered with all.'),
  'If-Range': z.string().optional().describe('ETag of the answer that is continued.'),
};
const BYTES: readonly Answer[] = [
  content('text/plain', 'A file whose name tells that it is text.'),
  content('application/octet-stream', 'Any other file.'),
];
const ANSWERS = {
  200: [json(LISTING, 'A directory, in order of names.'), ...BYTES],
  206: BYTES,
};
const ERRORS = [
  ...(['file-not-found', 'forbidden', 'range-not-satisfiable', 'too-large', 'bad-path'] as const),
];
const PATH = {
  ...JOB_ID,
  path: z.string().optional().describe('Below the directory of the job, with slashes.'),
};

export const FILE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/task/:id/files',
    tag: 'files',
    access: 'own-job',
    summary: "List a job's directory",
    params: JOB_ID,
    headers: HEADERS,
    answers: ANSWERS,
    errors: ERRORS,
    examples: [{ name: 'a job that is over', params: { id: 3 }, answer: [{ name: 'god.log' }] }],
    handle: ({ context, deps, job, headers }) => answer(context, deps, { job, path: '', headers }),
  }),
  route({
    method: 'GET',
    path: '/task/:id/files/*path',
    tag: 'files',
    access: 'own-job',
    summary: 'Download a file of a job, or list one of its directories',
    description: 'A log that grows is followed with `Range: bytes=N-`: 416 means nothing new.',
    params: PATH,
    headers: HEADERS,
    answers: ANSWERS,
    errors: ERRORS,
    examples: [
      { name: 'a log', params: { id: 3, path: 'god.log' } },
      {
        name: 'the rest of a log',
        params: { id: 3, path: 'god.log' },
        headers: { Range: 'bytes=2-' },
        status: 206,
      },
      {
        name: 'a file that is not there',
        params: { id: 3, path: 'nothing' },
        status: 404,
        answer: { code: 'file-not-found', field: 'path' },
      },
    ],
    handle: ({ context, deps, job, params: { path = '' }, headers }) =>
      answer(context, deps, { job, path, headers }),
  }),
];

interface Asked {
  readonly job: Job;
  readonly path: string;
  readonly headers: { readonly Range: string | undefined; readonly 'If-Range': string | undefined };
}

async function answer(context: Context, deps: ApiDeps, asked: Asked): Promise<void> {
  const found = await deps.files.find(asked.job, asked.path);
  if (found.kind === 'file') return send(context, deps, { ...asked, file: found.file });
  context.body = JSON.stringify(
    found.entries.map(({ name, type, size }) => ({ name, type, size })),
  );
  // After the body, whose setting would write a type of its own.
  context.set('Content-Type', LISTING_TYPE);
}

async function send(
  context: Context,
  { config }: ApiDeps,
  { file, path, headers }: Asked & { readonly file: OpenFile },
): Promise<void> {
  const tag = `"${file.size.toString(16)}-${file.mtimeMs.toString(16)}"`;
  const isSame = headers['If-Range'] === undefined || headers['If-Range'] === tag;
  const asked = (isSame ? headers.Range : undefined) ?? '';
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
