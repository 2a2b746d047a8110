/**
 * What watchers read and write: leases by which they share the jobs, what runs, and the work that ended jobs left behind. Nothing here
 * does harm when it is done twice, late, or by two watchers at once.
 */
import type { Aftermath } from '../core/aftermath.js';
import type { KillWanted } from '../core/job.js';
import type { JobId } from '../core/units.js';
import type { AccountingStore } from './accounting.js';
import type { Lease } from './store.js';

/** As the leader's lease, one of many: a holder raises `beat`, others that saw it stand still take over by a conditional write. */
export interface NamedLease extends Lease {
  readonly name: string;
}

/** A lease that somebody would take, as it was seen; undefined: it was not there. */
export interface WantedLease {
  readonly name: string;
  readonly seen: Lease | undefined;
}

export interface LeaseStore {
  /** Every lease, freed ones too, in order of name. */
  leases(): Promise<readonly NamedLease[]>;
  /** Takes each that is still as seen (undefined: not there yet): epoch + 1, beat 0. Answers those that it got. */
  takeLeases(holder: string, wanted: readonly WantedLease[]): Promise<readonly NamedLease[]>;
  /** Raises the beat of all that the holder has; answers them, as they are now. */
  beatLeases(holder: string): Promise<readonly NamedLease[]>;
  /** Those of the named ones that are the holder's become nobody's (an empty holder); their epochs stay. */
  freeLeases(holder: string, names: readonly string[]): Promise<void>;
  /** Forgets those that are still as seen. */
  dropLeases(seen: readonly NamedLease[]): Promise<void>;
}

/** Which jobs are asked for: those of the slots, in order of id above `after`, at most `limit`. */
export interface SlotQuery {
  readonly slots: readonly number[];
  readonly after: JobId | null;
  readonly limit: number;
}

/** A job that runs; its record has changed if the version has. */
export interface RunningVersion {
  readonly id: JobId;
  readonly version: number;
}

/** What a job has left to be done. */
export interface JobAftermath {
  readonly id: JobId;
  readonly due: readonly Aftermath[];
}

/** Pieces of work of one job that are done. */
export interface AftermathDone {
  readonly id: JobId;
  readonly names: readonly string[];
}

/** One launch of a job. */
export interface LaunchOfJob {
  readonly id: JobId;
  readonly launch: number;
}

/** `gone`: the launch has ended, whatever became of its job. */
export type KillOfLaunch = 'wanted' | 'already' | 'gone';

export interface WatchedStore {
  running(query: SlotQuery): Promise<readonly RunningVersion[]>;
  /** Asks for a kill of one launch: stored only while that launch holds a task and nobody wants its kill already. */
  wantKillOf(launch: LaunchOfJob, wanted: KillWanted): Promise<KillOfLaunch>;
  /** Work that steps have left behind; a launch that ended leaves some even if its job waits again. */
  aftermathDue(query: SlotQuery): Promise<readonly JobAftermath[]>;
  /** The named pieces are done. What is not there, or not any more, is passed over. */
  aftermathDone(done: readonly AftermathDone[]): Promise<void>;
}

/** All that watchers need of the store, and what they make. */
export type WatchStore = AccountingStore & LeaseStore & WatchedStore;
