/** Files of a job: directory listings, archives and downloads, with ranges so that a log can be followed. */
import { z } from 'zod';
import { JOB_ID } from '../fields.js';
import {
  answerFound,
  FILE_ANSWERS,
  FILE_ERRORS,
  FILE_HEADERS,
  FILE_QUERY,
} from '../files/answer.js';
import { isCreated } from '../files/uploads-of.js';
import { type Call, type Route, route } from '../route.js';

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
    query: FILE_QUERY,
    headers: FILE_HEADERS,
    answers: FILE_ANSWERS,
    errors: FILE_ERRORS,
    examples: [
      { name: 'a job that is over', params: { id: 3 }, answer: [{ name: 'god.log' }] },
      { name: 'the first page', params: { id: 3 }, query: { limit: 1 } },
      { name: 'all of it as one file', params: { id: 3 }, query: { archive: 'tar.gz' } },
    ],
    handle: (call) => answer({ ...call, path: '' }),
  }),
  route({
    method: 'GET',
    path: '/task/:id/files/*path',
    tag: 'files',
    access: 'own-job',
    summary: 'Download a file of a job, or list one of its directories',
    description: 'A log that grows is followed with `Range: bytes=N-`: 416 means nothing new.',
    params: PATH,
    query: FILE_QUERY,
    headers: FILE_HEADERS,
    answers: FILE_ANSWERS,
    errors: FILE_ERRORS,
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
    handle: (call) => answer({ ...call, path: call.params.path ?? '' }),
  }),
];

async function answer({
  context,
  deps,
  person,
  job,
  path,
  headers,
  query,
}: Omit<Call<'own-job', typeof JOB_ID, typeof FILE_QUERY, typeof FILE_HEADERS>, 'params'> & {
  readonly path: string;
}): Promise<void> {
  // Before its first launch the record does not tell where it is.
  const directory = isCreated(job) ? await deps.prepareDirectory(job) : job.directory;
  const found = await deps.files.find({ ...job, directory }, path);
  const asked = { what: `job-${job.id}`, user: person.id, path, headers, query };
  await answerFound(context, deps, found, asked);
}
