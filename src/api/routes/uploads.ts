/** Input files for a job that has not started, and its start. */
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import type { Context } from '../context.js';
import { JOB_ID, text, wire } from '../fields.js';
import { asFileError } from '../files/beneath.js';
import { directoryFor, takeUpload, type Upload } from '../files/uploads.js';
import { readUploadPath, uploadsOf } from '../files/uploads-of.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { shape, whole } from '../schemas/answer.js';
import { acted } from '../schemas/job.js';
import { extrasFor, statusToWire } from '../wire.js';

const PATH = {
  ...JOB_ID,
  path: z.string().optional().describe('Below the directory of the job, with slashes.'),
};
const HEADERS = {
  'Content-Range': text(
    (value) => /^bytes (\*|\d{1,15}-\d{1,15})\/\d{1,15}$/.test(value),
    'must be as "bytes 0-99/300", or "bytes */300" to ask where to go on',
  )
    .optional()
    .describe('Which part this is; without it the body is the whole file.')
    .meta(wire({ type: 'string', examples: ['bytes 0-99/300'] })),
  'Repr-Digest': text(
    (value) => /^sha-256=:[A-Za-z0-9+/]{43}=:$/.test(value),
    'must be as "sha-256=:BASE64:"',
  )
    .optional()
    .describe('SHA-256 of the whole file, as RFC 9530 has it: checked at the end.')
    .meta(wire({ type: 'string' })),
};
const UPLOADED = shape({
  msg: z.enum(['File uploaded', 'Part uploaded']),
  offset: whole.meta({ description: 'Bytes that are here: the next part begins there.' }),
});

export const UPLOAD_ROUTES: readonly Route[] = [
  route({
    method: 'PUT',
    path: '/task/:id/files/*path',
    tag: 'files',
    access: 'own-job',
    summary: 'Upload an input file of a job',
    description:
      'Of a job that was submitted with `requirements.uploads` and not started. The body is the file; it gets its name when all of it is here. Where the connection broke, ask with an empty body and `Content-Range: bytes */SIZE`, and send the rest.',
    params: PATH,
    headers: HEADERS,
    answers: { 200: json(UPLOADED) },
    errors: [
      'wrong-state',
      'too-large',
      'quota-exceeded',
      'bad-path',
      'forbidden',
      'file-not-found',
    ],
    examples: [
      {
        name: 'a file of a job that waits for it',
        params: { id: 12, path: 'reads.fa' },
        body: '>one',
        answer: { msg: 'File uploaded' },
      },
      {
        name: 'a job that has started',
        params: { id: 2, path: 'reads.fa' },
        body: '>one',
        status: 409,
        answer: { code: 'wrong-state' },
      },
    ],
    handle: upload,
  }),
  route({
    method: 'POST',
    path: '/task/:id/start',
    tag: 'files',
    access: 'own-job',
    summary: 'Start a job whose input files are uploaded',
    description: 'Refused while a file of `requirements.uploads` is missing.',
    params: JOB_ID,
    answers: { 200: json(acted('Task is started')) },
    errors: ['wrong-state', 'bad-path', 'forbidden'],
    examples: [
      {
        name: 'a job that takes no files',
        params: { id: 13 },
        answer: { msg: 'Task is started', id: 13 },
      },
      {
        name: 'one whose files are missing',
        params: { id: 12 },
        status: 409,
        answer: { code: 'wrong-state', missing: 'reads.fa' },
      },
    ],
    handle: start,
  }),
];

async function upload({
  context,
  deps,
  job,
  params: { path = '' },
  headers,
}: Call<'own-job', typeof PATH, None, typeof HEADERS>) {
  // Whoever is refused in the middle of a body cannot use the connection again.
  context.set('Connection', 'close');
  const asked = { path, ...placeOf(context, headers['Content-Range']) };
  const digest = headers['Repr-Digest'];
  const sha256 = digest === undefined ? null : Buffer.from(digest.slice(9, -1), 'base64');
  const { offset, isWhole } = await takeUpload(deps, job, { ...asked, sha256 });
  context.remove('Connection');
  return { msg: isWhole ? 'File uploaded' : 'Part uploaded', offset };
}

/** @throws ServiceError bad-field: the range is not that of the body */
function placeOf(context: Context, range: string | undefined): Omit<Upload, 'path' | 'sha256'> {
  const length = context.request.length ?? null;
  const body = bytesOf(context);
  if (range === undefined) return { body, from: null, total: length };
  const [, first, last, size] = /^bytes (?:\*|(\d+)-(\d+))\/(\d+)$/.exec(range) ?? [];
  const total = Number(size);
  if (first === undefined) return { body, from: 'ask', total };
  const [from, end] = [Number(first), Number(last) + 1];
  const isRight = end > from && end <= total && (length === null || length === end - from);
  if (isRight) return { body, from, total };
  throw new ServiceError('bad-field', 'Content-Range: not the range of this body', {
    field: 'Content-Range',
  });
}

async function* bytesOf(context: Context): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of context.req) yield chunk as Uint8Array;
  } catch (cause) {
    throw new ServiceError('bad-request', 'the connection broke', {}, { cause });
  }
}

async function start({ deps, job }: Call<'own-job', typeof JOB_ID>) {
  const { store, notices, events } = deps;
  const directory = await directoryFor(deps, job);
  for (const path of uploadsOf(job) ?? []) await mustBeThere(deps, { ...job, directory }, path);
  const answer = await store.release(job.id, { isAdmin: false });
  if (answer === 'forbidden')
    throw new ServiceError('forbidden', `job ${job.id} is held by an administrator`, {
      field: 'id',
    });
  if (answer !== 'released')
    throw new ServiceError('wrong-state', `job ${job.id} does not wait to be started`, {
      field: 'id',
    });
  events.emit('job:released', { jobId: job.id, by: job.owner });
  notices.holdChanged(job.id);
  const after = await store.job(job.id);
  const status =
    after === undefined
      ? {}
      : { status: statusToWire(after, (await extrasFor(deps, [after]))(after)) };
  return { msg: 'Task is started', id: job.id, ...status };
}

/** @throws ServiceError wrong-state */
async function mustBeThere(
  { files }: Call<'own-job'>['deps'],
  job: Call<'own-job'>['job'],
  path: string,
): Promise<void> {
  try {
    const found = await files.find(job, Buffer.concat(join(readUploadPath(path))));
    await (found.kind === 'dir' ? found.directory : found.file).close();
    if (found.kind === 'file') return;
  } catch (error) {
    const told = asFileError(error, path);
    if (!(told instanceof ServiceError) || told.code !== 'file-not-found') throw told;
  }
  throw new ServiceError('wrong-state', `"${path}" was not uploaded yet`, {
    field: 'id',
    missing: path,
  });
}

const join = (names: readonly Buffer[]): Buffer[] =>
  names.flatMap((name) => [name, Buffer.from('/')]);
