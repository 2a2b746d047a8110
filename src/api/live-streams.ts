/** All answers of a web server that go on: what feeds them, how many there may be, and their end with the server. */
import type { Clock } from '../contracts/clock.js';
import {
  EVENT_STREAMS_MAX,
  EVENT_STREAMS_PER_USER_MAX,
  LOG_FOLLOWERS_MAX,
  LOG_FOLLOWERS_PER_USER_MAX,
} from '../contracts/limits.js';
import { type FeedPorts, JobFeed } from './job-feed.js';
import { StreamRoom } from './stream-room.js';

export class LiveStreams {
  readonly feed: JobFeed;
  /** For what goes on in their time. */
  readonly clock: Clock;
  readonly events = new StreamRoom({
    perUser: EVENT_STREAMS_PER_USER_MAX,
    inAll: EVENT_STREAMS_MAX,
    what: 'event streams',
  });
  readonly logs = new StreamRoom({
    perUser: LOG_FOLLOWERS_PER_USER_MAX,
    inAll: LOG_FOLLOWERS_MAX,
    what: 'logs that are followed',
  });

  constructor(ports: FeedPorts) {
    this.feed = new JobFeed(ports);
    this.clock = ports.clock;
  }

  start(): void {
    this.feed.start();
  }

  /** Every listener is told that the server stops. */
  async stop(): Promise<void> {
    this.events.stop();
    this.logs.stop();
    this.feed.stop();
  }
}
