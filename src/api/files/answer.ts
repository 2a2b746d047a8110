/** Answers with what was found at a path: a file, a directory's listing by pages, or all of it as an archive. */

import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import type { FileEntry, FileFound, OpenDirectory } from '../../contracts/files.js';
import { ARCHIVES_OF_USER_MAX, FILES_LISTED_MAX, FILES_PAGE_MAX } from '../../contracts/limits.js';
import type { Context } from '../context.js';
import type { ApiDeps } from '../deps.js';
import { text, wire } from '../fields.js';
import { type Answer, content, json } from '../route.js';
import { shape, whole } from '../schemas/answer.js';
import { offerForSaving, sendFile } from './send.js';

/** Compared letter by letter by the old command line; a download must have any other type. */
const LISTING_TYPE = 'application/json; charset=UTF-8';

const LISTING = z.array(
  shape({
    name: z.string(),
    type: z.enum(['file', 'dir']),
    size: whole.meta({ description: 'Bytes.' }),
    date: z.number().meta({ description: 'Of the last change, seconds since 1970.' }),
    name64: z
      .string()
      .optional()
      .meta({ description: 'Base64url of the name, where it is not UTF-8: for `after64`.' }),
  }),
);
const BYTES: readonly Answer[] = [
  content('text/plain', 'A file whose name tells that it is text.'),
  content('application/octet-stream', 'Any other file.'),
  content('application/gzip', 'A directory with `archive=tar.gz`.'),
  content('application/x-tar', 'A directory with `archive=tar`.'),
];

export const FILE_HEADERS = {
  Range: z.string().optional().describe('One range of bytes; several are answered with all.'),
  'If-Range': z
    .string()
    .optional()
    .describe('ETag, or Last-Modified, of the answer that is continued.'),
};
export const FILE_ANSWERS = {
  200: [json(LISTING, 'A directory, in order of names.'), ...BYTES],
  206: BYTES,
  304: content('*/*', 'As the client has it: see `If-None-Match` and `If-Modified-Since`.'),
};
export const FILE_ERRORS = [
  ...(['file-not-found', 'forbidden', 'range-not-satisfiable', 'too-large', 'bad-path'] as const),
  ...(['rate-limited'] as const),
];

const pageLimit = text(
  (value) => /^[1-9]\d{0,4}$/.test(value) && Number(value) <= FILES_PAGE_MAX,
  `must be a whole number from 1 to ${FILES_PAGE_MAX}`,
)
  .transform(Number)
  .optional()
  .meta({
    description: `Entries of a page, at most. Where there are more, the header \`Link\` names the next page. Without it a directory is listed whole, up to ${FILES_LISTED_MAX} entries.`,
    ...wire({ type: 'integer', minimum: 1, maximum: FILES_PAGE_MAX }),
  });

export const FILE_QUERY = {
  limit: pageLimit,
  after: z.string().optional().describe('Only entries whose names come after this one.'),
  after64: text((value) => /^[\w-]*$/.test(value), 'must be base64url')
    .optional()
    .describe('The same in base64url, for names that are not UTF-8.')
    .meta(wire({ type: 'string', pattern: '^[A-Za-z0-9_-]*$' })),
  archive: z
    .enum(['tar', 'tar.gz'], { error: 'must be tar or tar.gz' })
    .optional()
    .describe('A directory with all below it, as one file. Links are left out.'),
};

export interface Asked {
  /** For the name of an archive: `job-3`. */
  readonly what: string;
  readonly path: string;
  readonly user: string;
  readonly headers: {
    readonly Range: string | undefined;
    readonly 'If-Range': string | undefined;
  };
  readonly query: {
    readonly [Name in keyof typeof FILE_QUERY]: z.output<(typeof FILE_QUERY)[Name]>;
  };
}

/** Takes over what was found. @throws ServiceError */
export async function answerFound(
  context: Context,
  { config, clock }: Pick<ApiDeps, 'config' | 'clock'>,
  found: FileFound,
  asked: Asked,
): Promise<void> {
  const { headers, query, path } = asked;
  const { fileBytesMax } = config.web;
  const name = path.split('/').filter(Boolean).at(-1) ?? asked.what;
  if (found.kind === 'file') {
    if (query.archive === undefined)
      return sendFile(context, {
        ...{ file: found.file, name, headers, fileBytesMax, nowMs: clock.now() },
      });
    await found.file.close();
    throw new ServiceError('bad-field', 'archive: a file is no directory', { field: 'archive' });
  }
  if (query.archive === undefined) await list(context, found.directory, query);
  else sendArchive(context, found.directory, { ...asked, name, format: query.archive, config });
}

async function list(
  context: Context,
  directory: OpenDirectory,
  { limit, after, after64 }: Asked['query'],
): Promise<void> {
  try {
    const from = after64 === undefined ? after : Buffer.from(after64, 'base64url');
    const { entries, isCut } = await directory.list({
      after: from === undefined ? null : Buffer.from(from),
      limit: limit ?? FILES_LISTED_MAX,
    });
    const last = entries.at(-1);
    if (isCut && last !== undefined) context.set('Link', `<${next(last, limit)}>; rel="next"`);
    context.body = JSON.stringify(entries.map(toWire));
    // After the body, whose setting would write a type of its own.
    context.set('Content-Type', LISTING_TYPE);
  } finally {
    await directory.close();
  }
}

const isText = (name: Buffer): boolean => name.equals(Buffer.from(name.toString()));

/** Relative to the page's own address, which may have a prefix in front that we do not know of. */
const next = ({ name }: FileEntry, limit = FILES_PAGE_MAX): string =>
  isText(name)
    ? `?limit=${limit}&after=${encodeURIComponent(name.toString())}`
    : `?limit=${limit}&after64=${name.toString('base64url')}`;

const toWire = ({ name, type, size, mtimeMs }: FileEntry) => ({
  ...{ name: name.toString(), type, size, date: mtimeMs / 1_000 },
  ...(isText(name) ? {} : { name64: name.toString('base64url') }),
});

/** How many archives each user fetches just now, of one API. */
const UNDER_WAY = new WeakMap<object, Map<string, number>>();

function underWayAt(config: object): Map<string, number> {
  const known = UNDER_WAY.get(config) ?? new Map<string, number>();
  UNDER_WAY.set(config, known);
  return known;
}

function sendArchive(
  context: Context,
  directory: OpenDirectory,
  {
    name,
    format,
    user,
    config,
  }: Asked & {
    readonly name: string;
    readonly format: 'tar' | 'tar.gz';
    readonly config: ApiDeps['config'];
  },
): void {
  const underWay = underWayAt(config);
  const { fileBytesMax } = config.web;
  const stream = directory.archive({ top: name, fileBytesMax });
  const count = (underWay.get(user) ?? 0) + 1;
  if (count > ARCHIVES_OF_USER_MAX) {
    stream.destroy();
    throw new ServiceError(
      'rate-limited',
      `at most ${ARCHIVES_OF_USER_MAX} archives of a user are packed at a time`,
    );
  }
  underWay.set(user, count);
  stream.once('close', () => {
    const left = (underWay.get(user) ?? 1) - 1;
    if (left > 0) underWay.set(user, left);
    else underWay.delete(user);
  });
  offerForSaving(context, `${name}.${format}`);
  if (context.method === 'HEAD') {
    stream.destroy();
    context.body = '';
  } else {
    // A failure of one ends both: the connection breaks, and nobody takes half an archive for a whole one.
    context.body = format === 'tar' ? stream : pipeline(stream, createGzip({ level: 4 }), () => {});
  }
  context.set('Content-Type', format === 'tar' ? 'application/x-tar' : 'application/gzip');
}
