/**
 * Tasks alive in the cluster that no job holds. A restored backup must not kill a cluster: of tasks whose origin the
 * record cannot prove only so many are killed in a day, whoever leads and however often that changes; the others are left
 * alive, aloud, until an administrator decides.
 */
import type { Clock } from '../contracts/clock.js';
import type { TaskUpdate } from '../contracts/cluster.js';
import { ORPHAN_KILLS_MAX, ORPHAN_KILLS_WINDOW_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { JobStore } from '../contracts/store.js';
import { INSTALLATION_LABEL, isSuperseded } from '../core/adoption.js';
import type { Job } from '../core/job.js';
import type { TaskId } from '../core/units.js';
import type { Provenance } from './strays.js';

/** The setting of the store that holds how many were condemned, and since when. */
export const ORPHANS_SETTING = 'leader.orphans';
/** Of what runs so many are killed in any case: a large cluster has more of everything. */
const PART_OF_LIVE = 0.01;

/** What the site wants of orphans. */
export interface OrphanPolicy {
  /** `adopt`: those that are launches of a waiting job become its own; the others are treated as with `kill`. */
  readonly orphans: 'kill' | 'keep' | 'adopt';
  /** Killed in a day without an administrator; or 1 % of what runs, if that is more. */
  readonly killsMax: number;
}

export const USUAL_ORPHANS: OrphanPolicy = { orphans: 'kill', killsMax: ORPHAN_KILLS_MAX };

export interface OrphanPorts {
  readonly store: Pick<JobStore, 'setting' | 'putSetting'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly installation: string;
  /** Jobs that hold a task now. */
  readonly live: () => number;
}

/** As stored: Unix milliseconds, a count, and the bound that was configured then: another one is an administrator's word. */
interface Tally {
  readonly since: number;
  readonly condemned: number;
  readonly killsMax: number;
}

export class Orphans {
  readonly #ports: OrphanPorts;
  readonly #policy: OrphanPolicy;
  /** Told to die in this term. */
  readonly #condemned = new Set<TaskId>();
  /** Left alive, and not known to have ended. */
  readonly #spared = new Set<TaskId>();
  /** Those of them that only the bound saved. */
  readonly #beyond = new Set<TaskId>();
  #tally: Promise<Tally> | undefined;

  constructor(ports: OrphanPorts, policy: OrphanPolicy) {
    this.#ports = ports;
    this.#policy = policy;
  }

  /** How many live on. */
  get left(): number {
    return this.#spared.size;
  }

  /** What an administrator should know, or null. */
  trouble(): string | null {
    const { size } = this.#beyond;
    if (size === 0) return null;
    return (
      `${size} tasks that no job holds run on: more than orphan_kills_max were found in a day, as after a restored backup. ` +
      'To end them raise orphan_kills_max and restart the scheduler; to keep them set orphans to keep'
    );
  }

  /** A task that no job holds has ended, or is no longer one. */
  forget(taskId: TaskId): void {
    this.#spared.delete(taskId);
    this.#beyond.delete(taskId);
  }

  /**
   * Whether an orphan is to be killed.
   * @param launch the launch its id names; `record`: the job of its id as the store has it now, if any; `provenance`:
   * whether it is a launch of that job at all.
   * @throws ServiceError when the store cannot be asked; the task is then left alone for now.
   */
  async condemns(
    { taskId, labels }: Pick<TaskUpdate, 'taskId' | 'labels'>,
    launch: number,
    {
      record,
      provenance = 'unknown',
    }: { readonly record: Job | undefined; readonly provenance?: Provenance },
  ): Promise<boolean> {
    const installation = labels[INSTALLATION_LABEL];
    // Clusters that tell no labels tell only tasks of our own framework.
    if (installation !== undefined && installation !== this.#ports.installation) return false;
    // The record knows this launch and has let go of it: no backup can be the reason, and the job may run again.
    const isFormer = record !== undefined && provenance !== 'other' && isSuperseded(record, launch);
    if (!isFormer && !this.#condemned.has(taskId)) {
      if (this.#policy.orphans === 'keep')
        return this.#spare(taskId, 'orphan kept, as the site wants it');
      if (!(await this.#mayKill()))
        return this.#spare(taskId, 'orphan left alive: too many in a day, see the administrator');
      this.#condemned.add(taskId);
    }
    this.forget(taskId);
    this.#ports.log.warn('orphan killed: a task that no job holds', { taskId });
    return true;
  }

  #spare(taskId: TaskId, message: string): false {
    if (!this.#spared.has(taskId)) this.#ports.log.error(message, { taskId });
    this.#spared.add(taskId);
    if (this.#policy.orphans !== 'keep') this.#beyond.add(taskId);
    return false;
  }

  /** One more, counted durably before it is done: another term must not begin from zero. */
  #mayKill(): Promise<boolean> {
    const tally = this.#tally ?? this.#read();
    const max = Math.max(this.#policy.killsMax, Math.floor(this.#ports.live() * PART_OF_LIVE));
    // One after the other, so that updates that come together do not all see the same count.
    const next = tally.then(async (known) => {
      const before = this.#today(known, max);
      if (before.condemned >= max) return { tally: before, may: false };
      const after = { ...before, condemned: before.condemned + 1 };
      await this.#ports.store.putSetting(ORPHANS_SETTING, JSON.stringify(after));
      return { tally: after, may: true };
    });
    this.#tally = next.then(
      ({ tally: after }) => after,
      () => this.#read(),
    );
    // Whoever asks next meets the failure of the reading; nobody may ask at all.
    this.#tally.catch(() => {
      this.#tally = undefined;
    });
    return next.then(({ may }) => may);
  }

  /** A day that reached the bound does not end by itself: nobody has looked yet. */
  #today({ since, condemned, killsMax }: Tally, max: number): Tally {
    const now = this.#ports.clock.now();
    const isOver = now - since >= ORPHAN_KILLS_WINDOW_MS && condemned < max;
    const isDecided = killsMax !== this.#policy.killsMax;
    return isOver || isDecided
      ? { since: now, condemned: 0, killsMax: this.#policy.killsMax }
      : { since: Math.min(since, now), condemned, killsMax };
  }

  async #read(): Promise<Tally> {
    const text = await this.#ports.store.setting(ORPHANS_SETTING);
    const found = text === undefined ? {} : (JSON.parse(text) as Partial<Tally>);
    const { since = 0, condemned = 0, killsMax = this.#policy.killsMax } = found;
    return { since, condemned, killsMax };
  }
}
