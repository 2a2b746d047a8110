/**
 * Who has used how much, at any instant: jobs that ended, fading by the rule, and those that run, which count for the
 * time they have run, at least for an advance, so that a burst cannot slip through. An event costs the same whatever
 * runs or has run; nothing walks over jobs as time goes by.
 */
import { Heap } from './heap.js';
import type { Held, Standing, Standings } from './policy.js';
import { PRIO_USUAL } from './policy.js';
import type { Capacity, Needs } from './resources.js';
import { type Instant, instant, type JobId, type ProjectId, type UserId } from './units.js';
import { type DayUse, NO_USE, sumsOf, type UsageRule } from './usage.js';
import { UsageTally } from './usage-tally.js';

/** A job that holds a task, as far as use is concerned. */
export interface ChargedJob {
  readonly id: JobId;
  readonly owner: UserId;
  readonly project: ProjectId;
  readonly needs: Needs;
  /** Null: not yet. */
  readonly startedAt: Instant | null;
}

/** The end of a launch; `usedMs` 0 when nothing ran or the system failed. */
export interface Settled {
  readonly id: JobId;
  readonly owner: UserId;
  readonly project: ProjectId;
  readonly needs: Needs;
  readonly usedMs: number;
  readonly endedAt: Instant;
}

interface Live extends ChargedJob {
  /** It has run longer than its advance, so its use grows. */
  readonly grows: boolean;
}

/** What differs from the usual priority. */
export interface Dues {
  readonly users: ReadonlyMap<UserId, number>;
  readonly projects: ReadonlyMap<ProjectId, number>;
}

const NO_DUES: Dues = { users: new Map(), projects: new Map() };

export class UsageBook implements Standings {
  readonly advanceMs: number;
  readonly #rule: UsageRule;
  #at = instant(0);
  #dues = NO_DUES;
  #capacity: Capacity | null = null;
  readonly #live = new Map<JobId, Live>();
  /** When live jobs outgrow their advance. May hold some that have ended or moved; `#live` decides. */
  #growing = growthHeap();
  readonly #users = new Map<UserId, UsageTally>();
  readonly #projects = new Map<ProjectId, UsageTally>();
  readonly #accounts = new Map<UserId, Map<ProjectId, UsageTally>>();

  constructor(rule: UsageRule, advanceMs: number) {
    this.#rule = rule;
    this.advanceMs = advanceMs;
  }

  /** The instant it stands at. */
  get at(): Instant {
    return this.#at;
  }

  get capacity(): Capacity | null {
    return this.#capacity;
  }

  /** Begins anew: what ended before, and what is alive. */
  load(ended: readonly DayUse[], live: Iterable<ChargedJob>, at: Instant): void {
    for (const tallies of [this.#users, this.#projects, this.#accounts, this.#live])
      tallies.clear();
    this.#growing = growthHeap();
    this.#at = at;
    for (const { owner, project, endedAt, ...sums } of ended)
      for (const tally of this.#of(owner, project)) tally.end(sums, endedAt);
    for (const job of live) this.charge(job);
    this.moveTo(at);
  }

  /** The same use, to go on with by itself: what happens to one is not the other's. */
  copy(): UsageBook {
    const copy = new UsageBook(this.#rule, this.advanceMs);
    copy.#at = this.#at;
    copy.#dues = this.#dues;
    copy.#capacity = this.#capacity;
    for (const [id, live] of this.#live) copy.#live.set(id, live);
    copy.#growing = growthHeap([...this.#growing.items()]);
    for (const [user, tally] of this.#users) copy.#users.set(user, tally.copy());
    for (const [project, tally] of this.#projects) copy.#projects.set(project, tally.copy());
    for (const [user, own] of this.#accounts)
      copy.#accounts.set(user, new Map([...own].map(([id, tally]) => [id, tally.copy()])));
    return copy;
  }

  setDues(dues: Dues): void {
    this.#dues = dues;
  }

  /** What all agents have together; null: not known. */
  setCapacity(capacity: Capacity | null): void {
    this.#capacity = capacity;
  }

  /** Time goes by; back it never goes. */
  moveTo(at: Instant): void {
    if (at <= this.#at) return;
    this.#at = at;
    for (let next = this.#growing.peek(); next !== undefined; next = this.#growing.peek()) {
      if (next.from > at) break;
      this.#growing.pop();
      const job = this.#live.get(next.id);
      if (job === undefined || job.grows || job.startedAt === null) continue;
      if (this.#growsFrom(job.startedAt) > at) continue;
      for (const tally of this.#of(job.owner, job.project))
        tally.startGrowing(job.needs, job.startedAt);
      this.#live.set(next.id, { ...job, grows: true });
    }
  }

  /** A job was placed, or turned out to have started: a repeat changes nothing. */
  charge({ id, owner, project, needs, startedAt }: ChargedJob): void {
    const known = this.#live.get(id);
    if (known !== undefined && known.startedAt === startedAt) return;
    if (known !== undefined) this.#release(known);
    const from = startedAt === null ? null : this.#growsFrom(startedAt);
    const grows = from !== null && from <= this.#at;
    this.#live.set(id, { id, owner, project, needs, startedAt, grows });
    for (const tally of this.#of(owner, project)) tally.hold(needs);
    if (startedAt === null || from === null) return;
    if (!grows) this.#growing.push({ id, from });
    else for (const tally of this.#of(owner, project)) tally.startGrowing(needs, startedAt);
  }

  /** What was charged is replaced by what was really used. */
  settle({ id, owner, project, needs, usedMs, endedAt }: Settled): void {
    const known = this.#live.get(id);
    if (known !== undefined) this.#release(known);
    if (usedMs <= 0) return;
    const used = sumsOf(needs, usedMs);
    for (const tally of this.#of(owner, project)) tally.end(used, endedAt);
  }

  user(id: UserId): Standing | undefined {
    return this.#standing(this.#users.get(id), this.#dues.users.get(id));
  }

  project(id: ProjectId): Standing | undefined {
    return this.#standing(this.#projects.get(id), this.#dues.projects.get(id));
  }

  account(user: UserId, project: ProjectId): Standing | undefined {
    const tally = this.#accounts.get(user)?.get(project);
    return this.#standing(tally, this.#dues.users.get(user));
  }

  /** Every account that has used, or holds, anything. */
  *accounts(): Generator<{ readonly user: UserId; readonly project: ProjectId }> {
    for (const [user, projects] of this.#accounts)
      for (const project of projects.keys()) yield { user, project };
  }

  #release(job: Live): void {
    this.#live.delete(job.id);
    for (const tally of this.#of(job.owner, job.project))
      tally.release(job.needs, job.grows ? job.startedAt : null);
  }

  #growsFrom(startedAt: Instant): Instant {
    return instant(startedAt + this.advanceMs);
  }

  #standing(tally: UsageTally | undefined, due: number | undefined): Standing | undefined {
    if (tally === undefined && due === undefined) return undefined;
    return {
      used: tally?.used(this.#at, this.advanceMs) ?? NO_USE,
      held: tally?.held ?? NOTHING_HELD,
      prio: due ?? PRIO_USUAL,
    };
  }

  /** The user's, the project's and the account's own. */
  #of(user: UserId, project: ProjectId): readonly UsageTally[] {
    let own = this.#accounts.get(user);
    if (own === undefined) {
      own = new Map();
      this.#accounts.set(user, own);
    }
    return [
      this.#tallyIn(this.#users, user),
      this.#tallyIn(this.#projects, project),
      this.#tallyIn(own, project),
    ];
  }

  #tallyIn<Key>(tallies: Map<Key, UsageTally>, key: Key): UsageTally {
    let tally = tallies.get(key);
    if (tally === undefined) {
      tally = new UsageTally(this.#rule, this.#at);
      tallies.set(key, tally);
    }
    return tally;
  }
}

const NOTHING_HELD: Held = { jobs: 0, cpuMilli: 0, memMb: 0, gpus: 0 };

interface Growth {
  readonly id: JobId;
  readonly from: Instant;
}

const growthHeap = (items: Growth[] = []) =>
  new Heap<Growth>((a, b) => a.from < b.from || (a.from === b.from && a.id < b.id), items);
