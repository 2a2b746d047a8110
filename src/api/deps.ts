/** All the API is made of; built by the composition root, or by a test. */
import type { Registry } from 'prom-client';
import type { AuditTrail } from '../contracts/audit.js';
import type { Authenticator } from '../contracts/auth.js';
import type { Clock, Timers } from '../contracts/clock.js';
import type { CatalogueImage, Config } from '../contracts/config.js';
import type { Events } from '../contracts/events.js';
import type { JobFiles } from '../contracts/files.js';
import type { Log } from '../contracts/log.js';
import type { Notices } from '../contracts/notices.js';
import type { OutlookFacts } from '../contracts/outlook.js';
import type { ProcessSeen } from '../contracts/presence.js';
import type { ShareFacts } from '../contracts/shares.js';
import type { Store } from '../contracts/store.js';
import type { Tracing } from '../contracts/tracing.js';
import type { Bug } from '../core/assert.js';
import type { Job } from '../core/job.js';
import type { AgentShape, Obstacle } from '../core/obstacle.js';
import type { Policy } from '../core/policy.js';
import type { LiveStreams } from './live-streams.js';
import type { GuestIdentity } from './proxy.js';

export interface ApiDeps {
  readonly config: Config;
  readonly store: Store;
  readonly auth: Authenticator;
  /** Who guests are to the system; null: there are no guests. */
  readonly guestIdentity: GuestIdentity | null;
  readonly clock: Clock;
  readonly timers: Timers;
  /** What feeds answers that go on. */
  readonly streams: LiveStreams;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Signs session tokens: at least 32 bytes. */
  readonly secret: Uint8Array;
  readonly log: Log;
  readonly events: Events;
  readonly audit: AuditTrail;
  readonly notices: Notices;
  readonly files: JobFiles;
  /** Makes the directory of a job that has not been launched, if it is missing; where it is. @throws Error with the system's message */
  readonly prepareDirectory: (job: Pick<Job, 'id' | 'identity'>) => Promise<string>;
  /** Bytes that a directory takes on the disk; 0 where the storage cannot tell. */
  readonly measureDirectory: (directory: string) => Promise<number>;
  /** Removes a job's directory; null: the storage cannot. @throws Error with the system's message */
  readonly removeDirectory: ((directory: string) => Promise<void>) | null;
  /** The catalogue in force, never empty: configured, or what the machine has. */
  readonly images: () => Promise<readonly CatalogueImage[]>;
  /** What runs jobs: a job's image is used unless it is `process`. */
  readonly containerizer: 'docker' | 'mesos' | 'process';
  /** Words such as `kill` and `gpus`, for clients. */
  readonly executorFeatures: () => readonly string[];
  /** Kinds of agents; null while the cluster has not told. */
  readonly inventory: () => readonly AgentShape[] | null;
  /** Why a waiting job waits, as the leader sees it; undefined when it is not known here. */
  readonly obstacles: (
    job: Pick<Job, 'id' | 'owner' | 'project' | 'spec' | 'faults' | 'retried'>,
  ) => readonly Obstacle[] | undefined;
  /** The order of the queue, for those who ask where they stand. */
  readonly policy: Policy;
  /** How everybody stands, as the leader told last; undefined when nothing is known here. */
  readonly shares: () => Promise<ShareFacts | undefined>;
  /** Where waiting jobs stand and when they may start; takes a few seconds when it must be made. */
  readonly outlook: () => Promise<OutlookFacts | undefined>;
  /** Processes of the service that were heard of, and what did not tell. */
  readonly presence: () => Promise<{
    readonly processes: readonly ProcessSeen[];
    readonly silent: readonly string[];
  }>;
  /** Why work cannot go on; empty when it can. */
  readonly notReady: () => readonly string[];
  /** What an administrator should know though work goes on. */
  readonly warnings: () => readonly string[];
  readonly metrics: Registry;
  /** Absent: nobody collects traces. */
  readonly tracing?: Tracing | undefined;
  /** Folder with the built pages, or null. */
  readonly pages: string | null;
  readonly version: string;
  /** Tests: each answer of a declared route must be what the route declares. */
  readonly checksAnswers?: boolean;
  /** Called with a broken assumption of ours, after its request was answered: stop the process. */
  readonly onBug: (bug: Bug) => void;
}
