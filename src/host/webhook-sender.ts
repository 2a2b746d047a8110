/**
 * Calls services that users name, and no others than the site allows: a host is resolved once, each of its addresses is checked, and the
 * connection goes to a checked one, so that a name that resolves differently the next moment leads nowhere else. Redirects are not
 * followed, nothing of an answer is kept but its status.
 */
import { lookup as systemLookup } from 'node:dns/promises';
import { type ClientRequest, request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { LookupFunction } from 'node:net';
import { WEBHOOK_ANSWER_MS_MAX } from '../contracts/limits.js';
import type { SendWebhook, WebhookAnswer, WebhookRequest } from '../contracts/webhook.js';
import { bytesOf } from '../core/public-address.js';
import { hostOf, mayCall, type WebhookRules, webhookFault } from '../core/webhook.js';

/** All addresses of a host; rejects when there are none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface SenderOptions {
  readonly rules: WebhookRules;
  /** The system's resolver unless told. */
  readonly resolve?: Resolve;
  /** Authorities besides the system's, PEM; for tests. */
  readonly ca?: string;
  readonly answerMsMax?: number;
}

const systemResolve: Resolve = async (host) =>
  (await systemLookup(host, { all: true, verbatim: true })).map(({ address }) => address);

export function webhookSender(options: SenderOptions): SendWebhook {
  const { rules, answerMsMax = WEBHOOK_ANSWER_MS_MAX } = options;
  return async (request) => {
    // The rules may be others than when the job was submitted.
    const fault = webhookFault(request.url, rules);
    if (fault !== undefined) return { kind: 'refused', because: `the address ${fault}` };
    const url = new URL(request.url);
    const late = AbortSignal.timeout(answerMsMax);
    try {
      const addresses = await Promise.race([addressesOf(url, options), rejected(late)]);
      const bad = addresses.find((address) => !mayCall(hostOf(url), address, rules));
      if (bad !== undefined)
        return { kind: 'refused', because: 'the host has an address that may not be called' };
      const [address = ''] = addresses;
      return await call(request, { url, address, late, ca: options.ca });
    } catch (error) {
      const because = late.aborted ? `no answer in ${answerMsMax / 1_000} s` : textOf(error);
      return { kind: 'failed', because };
    }
  };
}

/** Resolvers have no signal: their answer is no longer waited for. */
const rejected = (late: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    late.addEventListener('abort', () => reject(new Error('too late')), { once: true });
  });

async function addressesOf(url: URL, { resolve = systemResolve }: SenderOptions) {
  const host = hostOf(url);
  const addresses = bytesOf(host) === undefined ? await resolve(host) : [host];
  if (addresses.length === 0) throw new Error('the host has no address');
  return addresses;
}

interface Where {
  readonly url: URL;
  readonly address: string;
  readonly late: AbortSignal;
  readonly ca: string | undefined;
}

function call(
  { headers, body }: WebhookRequest,
  { url, address, late, ca }: Where,
): Promise<WebhookAnswer> {
  const family = address.includes(':') ? 6 : 4;
  // Whoever asks gets the address that was checked. Hosts that are addresses are not looked up at all.
  const lookup: LookupFunction = (_host, { all }, callback) => {
    if (all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
  const options: RequestOptions = {
    method: 'POST',
    ...{ lookup, signal: late, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
    // A connection that is kept would go to an address of another moment.
    agent: false,
    ...(ca === undefined ? {} : { ca }),
  };
  return new Promise((resolve, reject) => {
    const request: ClientRequest =
      url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options);
    request.once('error', reject);
    request.once('response', (answer) => {
      const { statusCode = 0 } = answer;
      // Whatever else it says.
      answer.on('error', () => {});
      answer.destroy();
      resolve(answerOf(statusCode));
    });
    request.end(body);
  });
}

function answerOf(status: number): WebhookAnswer {
  if (status >= 200 && status < 300) return { kind: 'done' };
  // Gone for good, says its owner.
  if (status === 410) return { kind: 'refused', because: 'it answers 410' };
  return { kind: 'failed', because: `it answers ${status}` };
}

const textOf = (error: unknown): string =>
  error instanceof Error
    ? ((error as NodeJS.ErrnoException).code ?? error.message)
    : 'no connection';
