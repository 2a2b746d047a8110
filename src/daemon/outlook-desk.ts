/** The outlook for web processes of other processes: they ask in one setting of the store, and read it in another. */
import type { Timers } from '../contracts/clock.js';
import type { Log } from '../contracts/log.js';
import { OUTLOOK_ASKED_SETTING, OUTLOOK_SETTING, type OutlookFacts } from '../contracts/outlook.js';
import type { JobStore } from '../contracts/store.js';

export interface OutlookDeskPorts {
  readonly store: Pick<JobStore, 'setting' | 'putSetting'>;
  readonly timers: Timers;
  readonly log: Log;
}

const LOOK_EACH_MS = 200;

export class OutlookDesk {
  readonly #ports: OutlookDeskPorts;
  readonly #ask: () => Promise<OutlookFacts | undefined>;
  /** The last question that was seen; null: not even looked yet. */
  #seen: string | undefined | null = null;

  constructor(ports: OutlookDeskPorts, ask: () => Promise<OutlookFacts | undefined>) {
    this.#ports = ports;
    this.#ask = ask;
  }

  /** Called after commits of others, one call at a time: answers a new question as it becomes known, part by part. */
  async look(): Promise<void> {
    try {
      const asked = await this.#ports.store.setting(OUTLOOK_ASKED_SETTING);
      const isNew = this.#seen !== null && asked !== this.#seen;
      this.#seen = asked;
      if (isNew && asked !== undefined) await this.#answer(asked);
    } catch (error) {
      this.#ports.log.warn('outlook not told; whoever asks again gets it', { error });
    }
    // A busy store tells of commits all the time.
    await new Promise<void>((go) => void this.#ports.timers.after(LOOK_EACH_MS, go));
  }

  async #answer(asked: string): Promise<void> {
    let told: OutlookFacts | undefined;
    for (;;) {
      const facts = await this.#ask();
      if (facts === undefined) return;
      if (facts !== told)
        await this.#ports.store.putSetting(
          OUTLOOK_SETTING,
          JSON.stringify({ ...facts, answers: asked }),
        );
      told = facts;
      // Until then each question waits for progress, or for its time to be up.
      if (facts.survey.isWhole) return;
    }
  }
}
