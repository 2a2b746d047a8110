/**
 * The connections of one process to Redis: one for commands, one that listens. Nobody waits for them; what becomes of them is told,
 * never thrown. Open means that a message of ours has really come back: a server that took a connection may still be stopped,
 * refuse a channel, or be a replica that was cut off.
 */
import type { Timer, Timers } from '../../contracts/clock.js';
import { REDIS_ANSWER_MS_MAX, REDIS_BEAT_EACH_MS } from '../../contracts/limits.js';
import type { Log } from '../../contracts/log.js';
import type { Connection } from './connections.js';

export interface LinkPorts {
  readonly timers: Timers;
  readonly log: Log;
}

export interface LinkOwner {
  /** Messages arrive from now on; those before were missed. */
  opened(): void;
  closed(): void;
  heard(channel: string, text: string): void;
}

export interface LinkOptions {
  readonly commands: Connection;
  /** May be the same: a client of a cluster keeps a connection of its own for what it listens to. */
  readonly listener: Connection;
  /** What the owner listens to. */
  readonly channels: readonly string[];
  /** Of this process alone. */
  readonly beatChannel: string;
}

export class RedisLink {
  readonly #ports: LinkPorts;
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  #isOpen = false;
  #isListening = false;
  #isStopped = false;
  #trouble: string | null = null;
  #beats = 0;
  /** Until the beat under way is late. */
  #late: Timer | undefined;
  #next: Timer | undefined;

  constructor(ports: LinkPorts, options: LinkOptions, owner: LinkOwner) {
    this.#ports = ports;
    this.#options = options;
    this.#owner = owner;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Why it is not open, in the server's or the system's words; null: it is, or it is still being tried for the first time. */
  get trouble(): string | null {
    return this.#trouble;
  }

  start(): void {
    const { commands, listener } = this.#options;
    listener.on('message', (channel: string, text: string) => this.#heard(channel, text));
    listener.on('ready', () => void this.#listen());
    // Whichever is there last.
    if (commands !== listener) commands.on('ready', () => this.#isListening && this.#beat());
    for (const connection of new Set([commands, listener])) {
      connection.on('error', (error: Error) => this.#failed(error.message));
      connection.on('close', () => {
        if (connection === listener) this.#isListening = false;
        this.#shut('the connection was closed');
      });
      // What goes wrong is told by `error`; it is tried again until the end.
      connection.connect().catch(() => undefined);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#late?.cancel();
    this.#next?.cancel();
    for (const connection of this.#connections()) connection.disconnect();
  }

  /** @throws Error when Redis refuses, is away, or does not answer within `REDIS_ANSWER_MS_MAX` */
  publish(channel: string, text: string): Promise<unknown> {
    return this.#answered(() => this.#options.commands.publish(channel, text));
  }

  /** Runs a script; all its keys have the same hash tag. @throws as `publish` */
  run(
    script: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return this.#answered(() => this.#options.commands.eval(script, keys.length, ...keys, ...args));
  }

  async #answered<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      // What else is under way on this connection has no answer either.
      if (isLate(error)) this.#renew('no answer in time');
      throw error;
    }
  }

  async #listen(): Promise<void> {
    const { commands, listener, channels, beatChannel } = this.#options;
    try {
      await listener.subscribe(...channels, beatChannel);
      this.#isListening = true;
      if (commands.status === 'ready') this.#beat();
    } catch (error) {
      this.#failed((error as Error).message);
      this.#renewLater();
    }
  }

  /** Sends a message to ourselves, and another one in a while. */
  #beat(): void {
    if (this.#isStopped) return;
    this.#beats += 1;
    this.#next?.cancel();
    this.#late?.cancel();
    this.#next = this.#ports.timers.after(REDIS_BEAT_EACH_MS, () => this.#beat());
    this.#late = this.#ports.timers.after(REDIS_ANSWER_MS_MAX, () =>
      this.#renew('no message came back in time'),
    );
    this.#options.commands
      .publish(this.#options.beatChannel, String(this.#beats))
      // Late ones are noticed by the timer, closed connections by their event.
      .catch((error: Error) => this.#failed(error.message));
  }

  #heard(channel: string, text: string): void {
    if (channel !== this.#options.beatChannel) {
      this.#owner.heard(channel, text);
      return;
    }
    if (text !== String(this.#beats) || this.#isStopped) return;
    this.#late?.cancel();
    if (this.#isOpen) return;
    this.#isOpen = true;
    if (this.#trouble !== null) this.#ports.log.info('Redis answers again');
    this.#trouble = null;
    this.#owner.opened();
  }

  #failed(because: string): void {
    if (this.#isStopped || this.#isOpen || because === this.#trouble) return;
    this.#trouble = because;
    this.#ports.log.warn('Redis cannot be used; nothing waits for it', { because });
  }

  #shut(because: string): void {
    this.#late?.cancel();
    if (!this.#isOpen || this.#isStopped) return;
    this.#isOpen = false;
    this.#failed(because);
    this.#owner.closed();
  }

  /** Both connections anew: what waits for an answer is given up. */
  #renew(because: string): void {
    if (this.#isStopped) return;
    this.#shut(because);
    this.#failed(because);
    for (const connection of this.#connections())
      if (connection.status === 'ready') connection.disconnect(true);
    // A beat goes out as soon as the listener is there again; if it never left, after a while.
    this.#renewLater();
  }

  #renewLater(): void {
    this.#next?.cancel();
    if (this.#isStopped) return;
    this.#next = this.#ports.timers.after(REDIS_BEAT_EACH_MS, () => this.#beat());
  }

  #connections(): ReadonlySet<Connection> {
    return new Set([this.#options.commands, this.#options.listener]);
  }
}

const isLate = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Command timed out';
