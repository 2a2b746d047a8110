/** Request bodies: bounded, UTF-8, JSON. An empty one is undefined: old clients send a JSON content type with nothing. */
import type { IncomingMessage } from 'node:http';
import { ServiceError } from '../contracts/errors.js';
import { BODY_BYTES_MAX, DRAINED_BYTES_MAX } from '../contracts/limits.js';
import { refuseDeep } from './nesting.js';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** @throws ServiceError `too-large`, `bad-json`, `bad-request` */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const bytes = await readBytes(request);
  if (bytes.length === 0) return undefined;
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch (cause) {
    throw new ServiceError('bad-json', 'the body is not UTF-8', {}, { cause });
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new ServiceError(
      'bad-json',
      `the body is not JSON: ${detail.slice(0, 200)}`,
      {},
      { cause },
    );
  }
  refuseDeep(document);
  return document;
}

/** As `readJson`, where an object is the only sensible body. */
export async function readObject(request: IncomingMessage): Promise<Record<string, unknown>> {
  const body = await readJson(request);
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ServiceError('bad-request', 'the body must be a JSON object');
  return Object.fromEntries(Object.entries(body));
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new ServiceError('bad-request', 'compressed bodies are not accepted', {
      field: 'Content-Encoding',
    });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    // Read on, keeping nothing: who is cut off while sending never sees the answer.
    if (size <= BODY_BYTES_MAX) chunks.push(chunk);
    else chunks.length = 0;
    if (size > DRAINED_BYTES_MAX) break;
  }
  if (size > BODY_BYTES_MAX) throw tooLarge();
  return Buffer.concat(chunks);
}

const tooLarge = (): ServiceError =>
  new ServiceError('too-large', `a body may have at most ${BODY_BYTES_MAX} bytes`, {
    bytesMax: BODY_BYTES_MAX,
  });
