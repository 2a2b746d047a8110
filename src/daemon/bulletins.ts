/** Tells the web processes, through the store, how the leader stands: now, and whenever that has changed. */
import { BULLETIN_SETTING, type Bulletin } from '../contracts/bulletin.js';
import type { Timer, Timers } from '../contracts/clock.js';
import { BULLETIN_EACH_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { JobStore } from '../contracts/store.js';

export interface BulletinPorts {
  readonly store: Pick<JobStore, 'putSetting'>;
  readonly timers: Timers;
  readonly log: Log;
}

export class Bulletins {
  readonly #ports: BulletinPorts;
  readonly #compose: () => Bulletin | undefined;
  #timer: Timer | undefined;
  #told = '';
  #isClosed = false;

  /** @param compose undefined: nothing may be said now. */
  constructor(ports: BulletinPorts, compose: () => Bulletin | undefined) {
    this.#ports = ports;
    this.#compose = compose;
  }

  start(): void {
    void this.#turn();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #turn(): Promise<void> {
    const bulletin = this.#isClosed ? undefined : this.#compose();
    const text = bulletin === undefined ? this.#told : JSON.stringify(bulletin);
    if (text !== this.#told) {
      try {
        await this.#ports.store.putSetting(BULLETIN_SETTING, text);
        this.#told = text;
      } catch (error) {
        this.#ports.log.warn('bulletin not stored; the next turn tries again', { error });
      }
    }
    if (!this.#isClosed)
      this.#timer = this.#ports.timers.after(BULLETIN_EACH_MS, () => void this.#turn());
  }
}
