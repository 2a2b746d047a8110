/**
 * Conditional requests: whoever asks again with the `ETag` of the former answer gets 304 and no body if nothing is different. The tag is of
 * the answer, not of the record alone, since documents tell more than their record: why a job waits, how far an array is.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { TAGGED_BYTES_MAX } from '../contracts/limits.js';
import type { Context, Handler } from './context.js';

export function conditional(): Handler {
  return async (context, next) => {
    await next();
    const isRead = context.method === 'GET' || context.method === 'HEAD';
    if (!isRead || context.status !== 200 || context.res.hasHeader('ETag')) return;
    if (!context.path.includes('/api/')) return;
    const text = await textOf(context);
    if (text === undefined) return;
    const type = context.response.get('Content-Type');
    context.body = text;
    context.set('Content-Type', type);
    context.set('ETag', `"${createHash('sha1').update(text).digest('base64url')}"`);
    if (!context.fresh) return;
    context.status = 304;
    context.body = null;
  };
}

/** The JSON that would be sent; undefined: it is none, or too long to be held. */
async function textOf(context: Context): Promise<string | undefined> {
  const { body } = context;
  if (!/^application\/json\b/i.test(context.response.get('Content-Type') ?? '')) return undefined;
  if (typeof body === 'string') return body;
  if (body instanceof Readable) return gathered(context, body);
  const isDocument = typeof body === 'object' && body !== null && !Buffer.isBuffer(body);
  return isDocument ? JSON.stringify(body) : undefined;
}

/** A list as text; one that is too long goes on as a stream. */
async function gathered(context: Context, stream: Readable): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  const rest = stream[Symbol.asyncIterator]();
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return Buffer.concat(parts).toString();
    const part = Buffer.from(next.value);
    parts.push(part);
    size += part.length;
    if (size > TAGGED_BYTES_MAX) break;
  }
  const type = context.response.get('Content-Type');
  context.body = Readable.from(continued(parts, rest), { objectMode: false });
  context.set('Content-Type', type);
  return undefined;
}

async function* continued(
  parts: readonly Buffer[],
  rest: AsyncIterator<Buffer | string>,
): AsyncGenerator<Buffer> {
  try {
    yield* parts;
    for (let next = await rest.next(); next.done !== true; next = await rest.next())
      yield Buffer.from(next.value);
  } finally {
    // Whoever hangs up in between leaves no list behind that is read on.
    await rest.return?.();
  }
}
