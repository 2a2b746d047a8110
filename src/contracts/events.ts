/** What happened, past tense, one object each. Metrics, mail and the audit log all listen here. */
import { EventEmitter } from 'node:events';
import type { LaunchingJob, OverJob } from '../core/job.js';
import type { Instant, JobId, TaskId, UserId } from '../core/units.js';

export type SignInWay = 'password' | 'apikey' | 'proxy';

export interface ServiceEvents {
  'job:submitted': { readonly jobId: JobId; readonly owner: UserId };
  'job:launched': {
    readonly jobId: JobId;
    readonly taskId: TaskId;
    readonly waitedMs: number;
    readonly job: LaunchingJob;
    readonly at: Instant;
  };
  /** Its task runs. `waitedMs`: since the submission; `isFirst`: no launch of it has started before. */
  'job:started': { readonly jobId: JobId; readonly waitedMs: number; readonly isFirst: boolean };
  'job:ended': {
    readonly jobId: JobId;
    readonly owner: UserId;
    readonly outcome: string;
    readonly job: OverJob;
  };
  'job:kill-wanted': { readonly jobId: JobId; readonly by: UserId };
  'job:held': { readonly jobId: JobId; readonly by: UserId };
  'job:released': { readonly jobId: JobId; readonly by: UserId };
  'session:opened': { readonly user: UserId; readonly by: SignInWay };
  'session:refused': { readonly login: string; readonly by: SignInWay };
  /** Signed out, or by an administrator; `id` null: all of the user. */
  'session:ended': { readonly user: UserId; readonly id: string | null; readonly by: UserId };
  'key:created': {
    readonly user: UserId;
    readonly keyId: string;
    readonly name: string;
    readonly by: UserId;
  };
  'key:revoked': { readonly user: UserId; readonly keyId: string; readonly by: UserId };
  /** What is about the account itself: a password, an SSH key. */
  'user:changed': { readonly user: UserId; readonly what: string; readonly by: UserId };
  /** Somebody asked for something in the name of another user. */
  'user:acted-for': { readonly user: UserId; readonly by: UserId };
  'cycle:finished': {
    readonly pending: number;
    readonly launched: number;
    readonly tookMs: number;
  };
  /** Jobs of several users failed there within seconds. */
  'agent:set-aside': {
    readonly executor: string;
    readonly host: string;
    /** Failures in evidence. */
    readonly failures: number;
  };
  'agent:let-back': { readonly executor: string; readonly host: string };
  /** A scheduler of this process leads from now on. */
  'leader:taken': { readonly epoch: number; readonly holder: string };
  'cluster:connected': { readonly frameworkId: string };
  'cluster:disconnected': { readonly because: string };
}

export type EventName = keyof ServiceEvents;

/** Typed emitter. Listeners run at once, in order of registration; what they throw reaches the emitter's caller. */
export class Events {
  readonly #emitter = new EventEmitter();

  /** Returns the function that stops listening. */
  on<Name extends EventName>(name: Name, listen: (event: ServiceEvents[Name]) => void): () => void {
    this.#emitter.on(name, listen);
    return () => this.#emitter.off(name, listen);
  }

  emit<Name extends EventName>(name: Name, event: ServiceEvents[Name]): void {
    this.#emitter.emit(name, event);
  }
}
