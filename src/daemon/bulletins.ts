/** Tells the web processes, through the store, how the leader stands: now, and whenever that has changed. */
import { BULLETIN_SETTING } from '../contracts/bulletin.js';
import type { Timer, Timers } from '../contracts/clock.js';
import { BULLETIN_EACH_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { JobStore } from '../contracts/store.js';

export interface BulletinPorts {
  readonly store: Pick<JobStore, 'putSetting'>;
  readonly timers: Timers;
  readonly log: Log;
  /** Called after each that was stored. */
  readonly told?: () => void;
}

/** Where it is told, and how often it is looked at. */
export interface Told {
  readonly setting: string;
  readonly eachMs: number;
}

const BULLETIN: Told = { setting: BULLETIN_SETTING, eachMs: BULLETIN_EACH_MS };

export class Bulletins {
  readonly #ports: BulletinPorts;
  readonly #compose: () => object | undefined;
  readonly #setting: string;
  readonly #eachMs: number;
  #timer: Timer | undefined;
  #told = '';
  #isClosed = false;

  /** @param compose undefined: nothing may be said now. */
  constructor(
    ports: BulletinPorts,
    compose: () => object | undefined,
    { setting, eachMs }: Told = BULLETIN,
  ) {
    this.#ports = ports;
    this.#setting = setting;
    this.#eachMs = eachMs;
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
        await this.#ports.store.putSetting(this.#setting, text);
        this.#told = text;
        this.#ports.told?.();
      } catch (error) {
        this.#ports.log.warn('bulletin not stored; the next turn tries again', { error });
      }
    }
    if (!this.#isClosed)
      this.#timer = this.#ports.timers.after(this.#eachMs, () => void this.#turn());
  }
}
