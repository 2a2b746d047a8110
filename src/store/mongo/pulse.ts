/**
 * Tells other processes that something was written: a number that goes up after commits, and is looked at. A hint: it may fail, and it
 * may come before a reader can see the commit; whoever must miss nothing reads the record now and then.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Collection } from 'mongodb';
import { MONGO_BEAT_EACH_MS, MONGO_WATCH_EACH_MS } from '../../contracts/limits.js';
import type { Log } from '../../contracts/log.js';
import type { Collections, PulseDocument } from './documents.js';

export class Pulse {
  readonly #pulse: Collection<PulseDocument>;
  readonly #log: Log;
  readonly #watches = new Set<() => void>();
  #beating: Promise<void> | undefined;
  #isBeatWanted = false;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #known: number;
  #isBlind = false;
  #isStopped = false;

  private constructor(pulse: Collection<PulseDocument>, log: Log, known: number) {
    this.#pulse = pulse;
    this.#log = log;
    this.#known = known;
  }

  /** What is written from now on is told to watches, even to those that begin later. */
  static async begin({ pulse }: Collections, log: Log): Promise<Pulse> {
    return new Pulse(pulse, log, await beatsOf(pulse));
  }

  /** After a commit. Those that come together are told once; nobody waits for it. */
  beat(): void {
    this.#isBeatWanted = true;
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = undefined;
    });
  }

  async #beat(): Promise<void> {
    while (this.#isBeatWanted) {
      this.#isBeatWanted = false;
      try {
        await this.write();
      } catch (error) {
        this.#log.debug('a change was not told to other processes', { error });
      }
      // Whoever looks does so every `MONGO_WATCH_EACH_MS`: more beats would tell nobody anything.
      await sleep(MONGO_BEAT_EACH_MS);
    }
  }

  /** Once it is acknowledged, so is everything that was written before, whoever wrote it. */
  async write(): Promise<void> {
    await this.#pulse.updateOne({ _id: 'pulse' }, { $inc: { beats: 1 } });
  }

  watch(changed: () => void): () => void {
    // The same function may watch twice.
    const watch = () => changed();
    this.#watches.add(watch);
    if (this.#timer === undefined) this.#lookLater();
    return () => this.#watches.delete(watch);
  }

  #lookLater(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => {
        this.#timer = undefined;
        if (this.#watches.size > 0 && !this.#isStopped) this.#lookLater();
      });
    }, MONGO_WATCH_EACH_MS);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    try {
      const beats = await beatsOf(this.#pulse);
      const isSame = this.#known === beats;
      this.#known = beats;
      this.#isBlind = false;
      if (isSame) return;
    } catch (error) {
      // It may have changed: those who are told will see for themselves whether the store answers.
      if (!this.#isBlind) this.#log.warn('changes of the store not seen', { error });
      this.#isBlind = true;
    }
    for (const changed of this.#watches) changed();
  }

  /** What has begun is finished. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#watches.clear();
    await this.#looking;
    await this.#beating;
  }
}

const beatsOf = async (pulse: Collection<PulseDocument>): Promise<number> =>
  (await pulse.findOne({ _id: 'pulse' }))?.beats ?? 0;
