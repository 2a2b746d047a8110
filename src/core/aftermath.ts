/** Work that is left when a launch or a job has ended: done by watchers, at least once, each piece repeatable. */
import { type LaunchEnd, launchEnd } from './accounting.js';
import type { Job } from './job.js';
import type { Instant } from './units.js';
import { type WebhookCall, webhookCallOf } from './webhook.js';

/** A piece of work; further kinds join here. */
export type Aftermath =
  /** The launch gets its accounting record. */
  | {
      /** Tells it from all others of its job. */
      readonly name: string;
      readonly kind: 'account';
      readonly end: LaunchEnd;
    }
  | {
      readonly name: string;
      readonly kind: 'webhook';
      readonly call: WebhookCall;
    };

/** What a step of a job leaves to be done. It is stored with the step, so nothing is forgotten whatever happens. */
export function aftermathOf(before: Job, to: Job, at: Instant): readonly Aftermath[] {
  const end = launchEnd(before, to, at);
  const call = webhookCallOf(before, to, at);
  return [
    ...(end === null ? [] : [{ name: `account-${end.launch}`, kind: 'account', end } as const]),
    ...(call === undefined
      ? []
      : [{ name: `webhook-${call.event}-${call.launch}`, kind: 'webhook', call } as const]),
  ];
}
