/** The open answer to a SUBSCRIBE, as the master sees it. */
import type { Event } from '../mesos/messages.js';

export interface Stream {
  /** What `Mesos-Stream-Id` of every other call must say. */
  readonly id: string;
  send(event: Event): void;
  /** Ends the answer after what was sent; the connection itself may live on. */
  end(): void;
}
