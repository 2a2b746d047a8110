/** `notify.webhook` of a submission. */
import type { Config } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import type { JobSpec } from '../core/job.js';
import { WEBHOOK_EVENTS, webhookFault } from '../core/webhook.js';
import type { TaskDocument } from './task-document.js';

/** @throws ServiceError `bad-field`, `not-supported` */
export function readWebhook(
  { notify }: TaskDocument,
  { monitoring }: Config,
  isArray: boolean,
): Pick<JobSpec, 'webhook'> {
  const asked = notify?.webhook;
  if (asked === null || asked === undefined) return {};
  if (isArray)
    throw new ServiceError('not-supported', 'notify.webhook: an array calls nobody yet', {
      field: 'notify.webhook',
    });
  const fault = webhookFault(asked.url, monitoring.webhooks);
  if (fault !== undefined)
    throw new ServiceError('bad-field', `notify.webhook.url ${fault}`, {
      field: 'notify.webhook.url',
    });
  // As it was read: of a host that could be written in several ways there is one.
  const { href: url } = new URL(asked.url);
  return { webhook: { url, events: [...new Set(asked.events ?? WEBHOOK_EVENTS)] } };
}
