/** Tells registries, again and again, that this process lives; they forget it when it stops telling. */
import type { Timer, Timers } from '../contracts/clock.js';
import type { Log } from '../contracts/log.js';
import { PRESENCE_BEAT_MS, type Presence, type ProcessCard } from '../contracts/presence.js';
import { inTime } from './in-time.js';

export interface HeraldPorts {
  readonly timers: Timers;
  readonly log: Log;
}

/** A clean stop waits this long for registries to take note. */
const LEAVE_MS_MAX = 1_000;

export class Herald {
  readonly #ports: HeraldPorts;
  readonly #card: ProcessCard;
  readonly #registries: readonly Registry[];

  /** @param registries by name, for the log. None waits for another. */
  constructor(
    ports: HeraldPorts,
    card: ProcessCard,
    registries: Readonly<Record<string, Presence>>,
  ) {
    this.#ports = ports;
    this.#card = card;
    this.#registries = Object.entries(registries).map(
      ([name, presence]) => new Registry(name, presence, ports, card),
    );
  }

  start(): void {
    for (const registry of this.#registries) registry.start();
  }

  /** Forgotten at once, where the registry answers. */
  async stop(): Promise<void> {
    const left = Promise.all(this.#registries.map((registry) => registry.stop(this.#card.name)));
    await inTime(left, LEAVE_MS_MAX, this.#ports.timers);
  }
}

class Registry {
  readonly #name: string;
  readonly #presence: Presence;
  readonly #ports: HeraldPorts;
  readonly #card: ProcessCard;
  #timer: Timer | undefined;
  #beat: Promise<void> = Promise.resolve();
  #isAway = false;
  #isClosed = false;

  constructor(name: string, presence: Presence, ports: HeraldPorts, card: ProcessCard) {
    this.#name = name;
    this.#presence = presence;
    this.#ports = ports;
    this.#card = card;
  }

  start(): void {
    this.#beat = this.#turn();
  }

  async stop(name: string): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    // A beat under way would bring back what leaving takes away.
    await this.#beat;
    try {
      await this.#presence.leave(name);
    } catch (error) {
      this.#ports.log.info('registry not told of the stop; it forgets by itself', {
        registry: this.#name,
        error,
      });
    }
  }

  /** Counts from the answer, so that calls to a slow registry never pile up. Said once, not each time. */
  async #turn(): Promise<void> {
    const registry = this.#name;
    try {
      await this.#presence.beat(this.#card);
      if (this.#isAway) this.#ports.log.info('registry of processes answers again', { registry });
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway && !this.#isClosed)
        this.#ports.log.warn('registry of processes does not take our sign of life', {
          registry,
          error,
        });
      this.#isAway = true;
    }
    if (this.#isClosed) return;
    this.#timer = this.#ports.timers.after(PRESENCE_BEAT_MS, () => {
      this.#beat = this.#turn();
    });
  }
}
