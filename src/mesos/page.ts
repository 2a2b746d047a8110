/** Reads a page of whichever master answers: what offers and updates do not tell stands there. */
import { Agent, request } from 'undici';
import { CALL_ANSWER_MS_MAX, INVENTORY_BYTES_MAX } from '../contracts/limits.js';
import { redirected, type Target, targetOf } from './subscription.js';
import type { TlsMaterial } from './transport.js';

export interface PageQuestion {
  /** As for the framework: `host:port` or URL of each master. */
  readonly masters: readonly string[];
  readonly principal: string | null;
  readonly secret: string | null;
  /** For masters with `https`. */
  readonly tls: TlsMaterial;
}

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null;

/**
 * What the masters say one after the other, parsed; those that do not answer are left out. Never throws for what a
 * master says. `path` may have a query.
 */
export async function* pages(path: string, asked: PageQuestion): AsyncGenerator<unknown> {
  const dispatcher = new Agent({ connect: { ...asked.tls, timeout: CALL_ANSWER_MS_MAX } });
  try {
    for (const master of asked.masters) {
      const told = await page({ ...targetOf(master), path }, { ...asked, dispatcher }, true);
      if (told !== undefined) yield told;
    }
  } finally {
    await dispatcher.close();
  }
}

async function page(
  target: Target,
  asked: PageQuestion & { readonly dispatcher: Agent },
  mayFollow: boolean,
): Promise<unknown | undefined> {
  const { principal, secret } = asked;
  const basic = Buffer.from(`${principal}:${secret}`).toString('base64');
  const headers = principal === null || secret === null ? {} : { authorization: `Basic ${basic}` };
  try {
    const {
      statusCode,
      headers: told,
      body,
    } = await request(`${target.origin}${target.path}`, {
      headers,
      dispatcher: asked.dispatcher,
      headersTimeout: CALL_ANSWER_MS_MAX,
      bodyTimeout: CALL_ANSWER_MS_MAX,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length;
      if (bytes > INVENTORY_BYTES_MAX) return undefined;
      chunks.push(chunk as Buffer);
    }
    const { location } = told;
    const leader = typeof location === 'string' ? redirected(location, target) : undefined;
    if (statusCode === 307 && leader !== undefined && mayFollow)
      return await page({ ...leader, path: target.path }, asked, false);
    return statusCode === 200 ? JSON.parse(Buffer.concat(chunks).toString('utf8')) : undefined;
  } catch {
    // Away, cut short, or no JSON: the subscription tells what is wrong with a master, this only asks again later.
    return undefined;
  }
}
