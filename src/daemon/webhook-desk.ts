/**
 * Makes the calls that steps of jobs have left, at least once: what was made is taken off the record, and after a crash what was not is
 * made again, under the same id. A slow service holds up its own user; one that never answers is given up in the end.
 */
import type { Clock } from '../contracts/clock.js';
import {
  WEBHOOK_AGAIN_MS_MAX,
  WEBHOOK_AGAIN_MS_MIN,
  WEBHOOK_GIVEN_UP_MS,
  WEBHOOKS_AT_ONCE_MAX,
  WEBHOOKS_PER_USER_MAX,
} from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { JobAftermath, WatchedStore } from '../contracts/watching.js';
import { type SendWebhook, webhookSignature } from '../contracts/webhook.js';
import type { Job } from '../core/job.js';
import type { UserId } from '../core/units.js';
import { deliveryId, type WebhookCall, webhookBody } from '../core/webhook.js';

export interface WebhookPorts {
  readonly store: Pick<WatchedStore, 'aftermathDone'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly send: SendWebhook;
  /** Of a user, as it is now. */
  readonly secretOf: (user: UserId) => Promise<string>;
}

/** A call, and its name in the job's record. */
export interface LeftCall {
  readonly name: string;
  readonly call: WebhookCall;
}

interface Retry {
  readonly tries: number;
  /** On the monotonic clock. */
  readonly againMs: number;
}

export class WebhookDesk {
  readonly #ports: WebhookPorts;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #byUser = new Map<UserId, number>();
  readonly #retries = new Map<string, Retry>();
  #made = 0;
  #givenUp = 0;

  constructor(ports: WebhookPorts) {
    this.#ports = ports;
  }

  /** Calls that were answered, and such as were given up, since it started. */
  get counts(): { readonly made: number; readonly givenUp: number } {
    return { made: this.#made, givenUp: this.#givenUp };
  }

  /** Whether it would be made now: else there is no need to read its job. */
  isDue(job: Job['id'], { call }: LeftCall): boolean {
    const id = deliveryId(job, call);
    if (this.#underWay.has(id) || this.#underWay.size >= WEBHOOKS_AT_ONCE_MAX) return false;
    return (this.#retries.get(id)?.againMs ?? 0) <= this.#ports.clock.monotonicMs();
  }

  /** Makes the call, unless too many are under way; returns at once. */
  take(job: Job, left: LeftCall): void {
    const now = this.#byUser.get(job.owner) ?? 0;
    if (!this.isDue(job.id, left) || now >= WEBHOOKS_PER_USER_MAX) return;
    const id = deliveryId(job.id, left.call);
    this.#byUser.set(job.owner, now + 1);
    const work = this.#make(job, left, id)
      .catch((error: unknown) => {
        // The store is away: the call stands in the record as it did.
        this.#ports.log.warn('a webhook is not settled; tried again', { delivery: id, error });
        this.#later(id);
      })
      .finally(() => {
        this.#underWay.delete(id);
        const left = (this.#byUser.get(job.owner) ?? 1) - 1;
        if (left === 0) this.#byUser.delete(job.owner);
        else this.#byUser.set(job.owner, left);
      });
    this.#underWay.set(id, work);
  }

  /** Waits for what is under way: that is bounded. */
  async stop(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #make(job: Job, { name, call }: LeftCall, id: string): Promise<void> {
    const { store, clock, log, send, secretOf } = this.#ports;
    const { webhook } = job.spec;
    // A job that asks for none any more, or never did: nobody is called.
    if (webhook !== undefined) {
      const body = webhookBody(job, call);
      const signature = webhookSignature(await secretOf(job.owner), clock.now(), body);
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'GoDocker-webhook',
        'x-godocker-delivery': id,
        'x-godocker-event': `job.${call.event}`,
        'x-godocker-signature': signature,
      };
      const answer = await send({ url: webhook.url, headers, body });
      if (answer.kind === 'failed' && clock.now() - call.at < WEBHOOK_GIVEN_UP_MS) {
        const { tries, pauseMs } = this.#later(id);
        log.info('a webhook failed; tried again', {
          ...{ delivery: id, because: answer.because, tries, pauseMs },
        });
        return;
      }
      if (answer.kind === 'done') this.#made += 1;
      else {
        this.#givenUp += 1;
        log.warn('a webhook is given up', { delivery: id, because: answer.because });
      }
    }
    await store.aftermathDone([{ id: job.id, names: [name] }]);
    this.#retries.delete(id);
  }

  #later(id: string): { readonly tries: number; readonly pauseMs: number } {
    const tries = (this.#retries.get(id)?.tries ?? 0) + 1;
    const pauseMs = Math.min(WEBHOOK_AGAIN_MS_MIN * 2 ** (tries - 1), WEBHOOK_AGAIN_MS_MAX);
    this.#retries.set(id, { tries, againMs: this.#ports.clock.monotonicMs() + pauseMs });
    return { tries, pauseMs };
  }

  /** Another watcher may have made them. */
  forgetAllBut(found: readonly JobAftermath[]): void {
    if (this.#retries.size === 0) return;
    const ids = new Set(
      found.flatMap(({ id, due }) =>
        due.flatMap((piece) => (piece.kind === 'webhook' ? [deliveryId(id, piece.call)] : [])),
      ),
    );
    for (const id of this.#retries.keys()) if (!ids.has(id)) this.#retries.delete(id);
  }
}
