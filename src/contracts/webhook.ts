/** Calls of users' services: the secret that signs them, and what carries them out. */
import { createHmac } from 'node:crypto';
import type { UserId } from '../core/units.js';

/** A setting; counts the secrets that a user has had. */
const generationSetting = (user: UserId): string => `webhook-secret/${user}`;

interface Settings {
  setting(name: string): Promise<string | undefined>;
  putSetting(name: string, value: string): Promise<void>;
}

/**
 * A user's own secret, made of the service's and never stored: what is on record, exported or backed up signs nothing.
 * @param service signs session tokens
 */
export async function webhookSecret(
  store: Pick<Settings, 'setting'>,
  service: Uint8Array,
  user: UserId,
): Promise<string> {
  const generation = (await store.setting(generationSetting(user))) ?? '0';
  const hmac = createHmac('sha256', service).update(`webhook\0${user}\0${generation}`);
  return `whsec_${hmac.digest('base64url')}`;
}

/** Another secret from now on; answers it. */
export async function newWebhookSecret(
  store: Settings,
  service: Uint8Array,
  user: UserId,
): Promise<string> {
  const generation = Number((await store.setting(generationSetting(user))) ?? '0') + 1;
  await store.putSetting(generationSetting(user), String(generation));
  return webhookSecret(store, service, user);
}

/** `t=<seconds>,v1=<hex>`: HMAC-SHA256 of the seconds, a dot and the body. */
export function webhookSignature(secret: string, atMs: number, body: string): string {
  const seconds = Math.floor(atMs / 1_000);
  const hex = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${hex}`;
}

/** One request. */
export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `refused`: it will never be made; `failed`: it may be tried again. `because` is for people. */
export type WebhookAnswer =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed' | 'refused'; readonly because: string };

/** Never rejects, and answers in bounded time. */
export type SendWebhook = (request: WebhookRequest) => Promise<WebhookAnswer>;
