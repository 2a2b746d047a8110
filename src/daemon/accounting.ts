/**
 * What users and projects have used, for the ordering of the queue: jobs that ended within the window, and an advance
 * for each that runs, so that a burst cannot slip through. Sums live in memory; the record of the jobs is the truth,
 * from which they are made at the start of a term and again each hour, when the window has moved on.
 */
import type { AccountUse } from '../contracts/store.js';
import { FAIRSHARE_OPTIONS } from '../core/fairshare.js';
import type { LiveJob } from '../core/job.js';
import type { Standing, Standings, Sums } from '../core/policy.js';
import type { Needs } from '../core/resources.js';
import { needsOf } from '../core/retry.js';
import type { ProjectId, UserId } from '../core/units.js';

/** Everybody is due the same until priorities can be set. */
const PRIO_MIDDLE = 50;

type Charged = Pick<LiveJob, 'owner' | 'project' | 'spec' | 'retried'>;

interface Amount {
  timeMs: number;
  cpuMilli: number;
  memMb: number;
}

const amount = (needs: Needs, timeMs: number): Sums => ({
  timeMs,
  cpuMilli: needs.cpuMilli,
  memMb: needs.memMb,
});

export class Accounting implements Standings {
  readonly #users = new Map<UserId, Amount>();
  readonly #projects = new Map<ProjectId, Amount>();

  /** Begins anew from the record: what ended within the window, and what runs. */
  load(ended: readonly AccountUse[], live: Iterable<LiveJob>): void {
    this.#users.clear();
    this.#projects.clear();
    for (const { owner, project, ...sums } of ended) this.#add(owner, project, sums, 1);
    for (const job of live) this.charge(job);
  }

  /** A job was placed: counted at once, with a duration in advance. */
  charge(job: Charged): void {
    this.#add(job.owner, job.project, amount(needsOf(job), FAIRSHARE_OPTIONS.advanceMs), 1);
  }

  /** The advance is replaced by what was really used; nothing, if the system failed. */
  settle(job: Charged, usedMs: number): void {
    const { owner, project } = job;
    this.#add(owner, project, amount(needsOf(job), FAIRSHARE_OPTIONS.advanceMs), -1);
    if (usedMs > 0) this.#add(owner, project, amount(needsOf(job), usedMs), 1);
  }

  user(id: UserId): Standing | undefined {
    const used = this.#users.get(id);
    return used === undefined ? undefined : { used, prio: PRIO_MIDDLE };
  }

  project(id: ProjectId): Standing | undefined {
    const used = this.#projects.get(id);
    return used === undefined ? undefined : { used, prio: PRIO_MIDDLE };
  }

  #add(user: UserId, project: ProjectId, sums: Sums, sign: 1 | -1): void {
    raise(this.#users, user, sums, sign);
    raise(this.#projects, project, sums, sign);
  }
}

function raise<Key>(sums: Map<Key, Amount>, key: Key, by: Sums, sign: 1 | -1): void {
  const known = sums.get(key) ?? { timeMs: 0, cpuMilli: 0, memMb: 0 };
  known.timeMs += sign * by.timeMs;
  known.cpuMilli += sign * by.cpuMilli;
  known.memMb += sign * by.memMb;
  sums.set(key, known);
}
