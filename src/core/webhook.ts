/** Calls of a user's own service at the start and the end of a job: what is asked for, when one is due, and what it says. */
import { codeOf, type Job } from './job.js';
import { bytesOf, isPublic, isWithin, networkOf, unmapped } from './public-address.js';
import type { Instant } from './units.js';

export const WEBHOOK_EVENTS = ['start', 'end'] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** As a job asks for it. */
export interface Webhook {
  readonly url: string;
  readonly events: readonly WebhookEvent[];
}

/** One call, left by a step of a job until it was made. */
export interface WebhookCall {
  readonly event: WebhookEvent;
  /** Of which launch; 0: the job ended without any. */
  readonly launch: number;
  readonly at: Instant;
}

/** Which services may be called. */
export interface WebhookRules {
  readonly isOn: boolean;
  /** Without TLS too. */
  readonly allowsHttp: boolean;
  /** Hosts, addresses and networks that may be called though they are not public. */
  readonly allow: readonly string[];
}

/** Repeats of the same call have the same: the receiver tells by it what it knows already. */
export const deliveryId = (job: number, { event, launch }: WebhookCall): string =>
  `${job}-${launch}-${event}`;

/** The call that a step leaves; undefined: none. */
export function webhookCallOf(before: Job, to: Job, at: Instant): WebhookCall | undefined {
  const { webhook } = to.spec;
  if (webhook === undefined) return undefined;
  const { launches: launch } = to;
  const isStart = to.state === 'running' && before.state === 'launching';
  if (isStart && webhook.events.includes('start'))
    return { event: 'start', launch, at: to.startedAt };
  const isEnd = to.state === 'over' && before.state !== 'over';
  return isEnd && webhook.events.includes('end') ? { event: 'end', launch, at } : undefined;
}

/** JSON; what the signature is made over stands before it: the time, a dot. */
export function webhookBody(job: Job, call: WebhookCall): string {
  const { id, owner, project, spec } = job;
  const ended =
    call.event === 'end' && job.state === 'over'
      ? { outcome: job.outcome.kind, exitcode: codeOf(job.outcome), ended_at: job.endedAt / 1_000 }
      : {};
  return JSON.stringify({
    delivery: deliveryId(id, call),
    event: `job.${call.event}`,
    at: call.at / 1_000,
    job: { id, name: spec.name, user: owner, project, launch: call.launch, ...ended },
  });
}

/** Why an address may not be called at all, in words after "notify.webhook.url "; undefined: it may, as far as its text tells. */
export function webhookFault(url: string, rules: WebhookRules): string | undefined {
  if (!rules.isOn) return 'is refused: webhooks are off at this site';
  let read: URL;
  try {
    read = new URL(url);
  } catch {
    return 'must be a URL';
  }
  if (read.protocol !== 'https:' && !(read.protocol === 'http:' && rules.allowsHttp))
    return rules.allowsHttp ? 'must begin with https:// or http://' : 'must begin with https://';
  if (read.username !== '' || read.password !== '')
    return 'must not hold a login: calls are signed with your own secret';
  const host = hostOf(read);
  if (bytesOf(host) === undefined) return undefined;
  return mayCall(host, host, rules) ? undefined : 'leads to an address that may not be called';
}

/** Without the brackets of a six. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');

/** @param address that the host was found to have */
export function mayCall(host: string, address: string, { allow }: WebhookRules): boolean {
  if (isPublic(address)) return true;
  const bytes = bytesOf(address);
  if (bytes === undefined) return false;
  return allow.some((word) => {
    const network = networkOf(word);
    if (network === undefined) return word.toLowerCase() === host.toLowerCase();
    return isWithin(unmapped(bytes), network);
  });
}
