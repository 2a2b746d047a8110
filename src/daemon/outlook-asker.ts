/** A web process asks the leader, whatever process that is, where jobs stand: through the store. */
import type { Clock, Timers } from '../contracts/clock.js';
import { OUTLOOK_FRESH_MS, OUTLOOK_WAIT_MS_MAX } from '../contracts/limits.js';
import {
  OUTLOOK_ASKED_SETTING,
  OUTLOOK_SETTING,
  type OutlookFacts,
  readOutlook,
} from '../contracts/outlook.js';
import type { JobStore } from '../contracts/store.js';

export interface OutlookAskerPorts {
  readonly store: Pick<JobStore, 'setting' | 'putSetting'>;
  readonly clock: Clock;
  readonly timers: Timers;
}

const LOOK_EACH_MS = 100;

export class OutlookAsker {
  readonly #ports: OutlookAskerPorts;
  #text: string | undefined;
  #facts: OutlookFacts | undefined;
  /** Monotonic: when we asked last. */
  #askedMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<OutlookFacts | undefined> | undefined;

  constructor(ports: OutlookAskerPorts) {
    this.#ports = ports;
  }

  /**
   * The newest that the leader told; asks for a newer one when that is old, and waits for it a while. Undefined: nothing
   * was ever told. @throws ServiceError when the store is away
   */
  ask(): Promise<OutlookFacts | undefined> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<OutlookFacts | undefined> {
    const { clock, store } = this.#ports;
    await this.#look();
    const startedMs = clock.monotonicMs();
    if (this.#isFresh() || startedMs - this.#askedMs < OUTLOOK_FRESH_MS) return this.#facts;
    this.#askedMs = startedMs;
    // Any text that was not there before is a question.
    const question = String(clock.now());
    await store.putSetting(OUTLOOK_ASKED_SETTING, question);
    while (clock.monotonicMs() - startedMs < OUTLOOK_WAIT_MS_MAX) {
      await new Promise<void>((go) => void this.#ports.timers.after(LOOK_EACH_MS, go));
      await this.#look();
      const isAnswered = this.#facts?.answers === question || this.#isFresh();
      if (isAnswered && this.#facts?.foreseen !== null) break;
    }
    return this.#facts;
  }

  /** Clocks of two machines may differ: then it is asked for more often, or less. */
  #isFresh(): boolean {
    const at = this.#facts?.survey.at;
    return at !== undefined && Math.abs(this.#ports.clock.now() - at) < OUTLOOK_FRESH_MS;
  }

  async #look(): Promise<void> {
    const text = await this.#ports.store.setting(OUTLOOK_SETTING);
    if (text === this.#text) return;
    this.#text = text;
    this.#facts = readOutlook(text);
  }
}
