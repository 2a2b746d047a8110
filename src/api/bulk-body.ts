/** Many documents in one body: a JSON array, or one document a line as it comes in. Bounded in all directions. */
import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../contracts/errors.js';
import { BODY_BYTES_MAX, BULK_BYTES_MAX, BULK_JOBS_MAX } from '../contracts/limits.js';
import { refuseDeep } from './nesting.js';

/** What one entry is, or why it cannot be read. */
export type Entry = { readonly document: unknown } | { readonly refusal: ServiceError };

const NEWLINE = 0x0a;

/**
 * In order. Of lines, each by itself may be unreadable; an array is readable or not as a whole.
 * @throws ServiceError `too-large`, `bad-json`, `bad-request`
 */
export async function* entriesOf(request: IncomingMessage): AsyncGenerator<Entry> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new ServiceError('bad-request', 'compressed bodies are not accepted', {
      field: 'Content-Encoding',
    });
  const type = request.headers['content-type'] ?? '';
  const isLines = /^application\/(x-)?(ndjson|jsonl|json-lines)\b/i.test(type);
  let count = 0;
  for await (const entry of isLines ? linesOf(request) : arrayOf(request)) {
    count += 1;
    if (count > BULK_JOBS_MAX) throw tooLarge(`at most ${BULK_JOBS_MAX} jobs at once`);
    yield entry;
  }
}

const tooLarge = (says: string): ServiceError =>
  new ServiceError('too-large', says, { jobsMax: BULK_JOBS_MAX, bytesMax: BULK_BYTES_MAX });

async function* bounded(request: IncomingMessage): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BULK_BYTES_MAX) throw tooLarge(`at most ${BULK_BYTES_MAX} bytes at once`);
    yield chunk;
  }
}

async function* arrayOf(request: IncomingMessage): AsyncGenerator<Entry> {
  const chunks: Buffer[] = [];
  for await (const chunk of bounded(request)) chunks.push(chunk);
  const read = parsed(Buffer.concat(chunks));
  if ('refusal' in read) throw read.refusal;
  if (!Array.isArray(read.document))
    throw new ServiceError(
      'bad-request',
      'the body must be a JSON array of jobs, or lines of them',
    );
  for (const document of read.document) yield { document };
}

async function* linesOf(request: IncomingMessage): AsyncGenerator<Entry> {
  let held: Buffer[] = [];
  let size = 0;
  const line = (): Entry | undefined => {
    const bytes = Buffer.concat(held);
    held = [];
    size = 0;
    // Empty lines are nothing; a carriage return is white space to JSON.
    return bytes.toString('latin1').trim() === '' ? undefined : parsed(bytes);
  };
  for await (const chunk of bounded(request))
    for (let from = 0; from < chunk.length; ) {
      const at = chunk.indexOf(NEWLINE, from);
      const part = chunk.subarray(from, at < 0 ? chunk.length : at);
      held.push(part);
      size += part.length;
      if (size > BODY_BYTES_MAX) throw tooLarge(`a line may have at most ${BODY_BYTES_MAX} bytes`);
      from += part.length + 1;
      const entry = at < 0 ? undefined : line();
      if (entry !== undefined) yield entry;
    }
  const last = line();
  if (last !== undefined) yield last;
}

function parsed(bytes: Buffer): Entry {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const document: unknown = JSON.parse(text);
    refuseDeep(document);
    return { document };
  } catch (cause) {
    if (cause instanceof ServiceError) return { refusal: cause };
    const detail = cause instanceof Error ? cause.message : String(cause);
    const says = `this is not JSON in UTF-8: ${detail.slice(0, 200)}`;
    return { refusal: new ServiceError('bad-json', says, {}, { cause }) };
  }
}
