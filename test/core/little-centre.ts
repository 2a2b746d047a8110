// A computing centre in small, on virtual time: everything that decides is the core's own, everything else is a plain model that
// breaches of promises are told from.
import { memberId } from '../../src/core/array.js';
import { Bits } from '../../src/core/bits.js';
import { planCycle } from '../../src/core/cycle.js';
import { type Holder, LimitBook, type LimitRules } from '../../src/core/limit-book.js';
import type { Offer } from '../../src/core/matching.js';
import type { Plan } from '../../src/core/plan.js';
import type { Policy } from '../../src/core/policy.js';
import { type ArrayRow, PendingQueue, type QueueRow } from '../../src/core/queue.js';
import { isPassed, QUOTA_NAMES, type Quotas } from '../../src/core/quota.js';
import type { AgentLoad, AgentTask, Reservation } from '../../src/core/reservation.js';
import {
  agentId,
  type Instant,
  instant,
  type JobId,
  jobId,
  projectId,
  userId,
} from '../../src/core/units.js';
import { added, NO_USE, type Sums, sumsOf } from '../../src/core/usage.js';
import { UsageBook } from '../../src/core/usage-book.js';
import { after, aNeed, anOffer, aRow, someFree } from './samples.js';

export const STEP_MS = 10_000;
export const RESERVATION_AFTER_MS = 60_000;
export const AGENT_CPUS = 8;
export const USERS = ['anna', 'bob', 'carl'] as const;
export const PROJECTS = ['default', 'genomes'] as const;
const PERIOD_DAYS = 30;

/** What somebody hands in: one job, or an array of `size` members. */
export interface Handed {
  readonly user: string;
  readonly project: string;
  readonly cpus: number;
  /** How long each runs. */
  readonly runsMs: number;
  readonly hasLifespan: boolean;
  readonly isQueued: boolean;
  readonly size: number | null;
  readonly limit: number | null;
}

export interface CentreRules {
  readonly agents: number;
  readonly policy: Policy;
  readonly limits: Pick<LimitRules, 'running' | 'queues'>;
  /** Of each user, and of each project but the one of all. */
  readonly quotas: Quotas | null;
}

interface Live {
  readonly row: QueueRow;
  readonly agent: number;
  readonly startedAt: Instant;
  readonly endsAt: number;
}

interface KnownArray {
  readonly limit: number | null;
  running: number;
}

/** The same world, listed in another order: what `mixed` is given comes in any order at all. */
export type Mix = <T>(items: readonly T[]) => readonly T[];
const asListed: Mix = (items) => items;

export class LittleCentre {
  readonly rules: CentreRules;
  queue = new PendingQueue();
  at = after(0);
  /** Jobs that wait, members of arrays among them. */
  readonly waiting = new Map<JobId, QueueRow>();
  readonly live = new Map<JobId, Live>();
  readonly refused = new Set<JobId>();
  /** When each was handed in, and started first. */
  readonly waitedMs = new Map<JobId, number>();
  readonly #runsMs = new Map<JobId, number>();
  readonly #arrays = new Map<
    JobId,
    { readonly row: ArrayRow; readonly size: number } & KnownArray
  >();
  readonly #settled: { readonly row: QueueRow; readonly sums: Sums }[] = [];
  readonly #usage = new UsageBook({ kind: 'window', days: PERIOD_DAYS }, STEP_MS);
  /** Follows what happens; only a takeover makes it anew. */
  #limits: LimitBook;
  #made: readonly Reservation[] = [];
  #nextId = 1;

  constructor(rules: CentreRules) {
    this.rules = rules;
    this.#usage.load([], [], this.at);
    this.#limits = this.#limitBook();
  }

  hand({ user: owner, cpus, runsMs, size, limit, ...one }: Handed): void {
    const id = this.#nextId;
    const row = {
      ...aRow(id, {
        owner,
        project: one.project,
        needs: aNeed({ cpuMilli: cpus * 1_000 }),
        lifespanMs: one.hasLifespan ? runsMs : null,
        ...(one.isQueued ? { queue: 'q' } : {}),
      }),
      submittedAt: this.at,
    };
    this.#nextId += (size ?? 0) + 1;
    if (size === null) {
      this.queue.add(row);
      this.#waits(row, runsMs);
      return;
    }
    const { notBefore: _, ...rest } = row;
    const array = { ...rest, limit };
    this.queue.addArray(array, new Bits(size));
    this.#arrays.set(row.id, { row: array, size, limit, running: 0 });
    for (let place = 0; place < size; place++)
      this.#waits({ ...row, id: memberId(row.id, place) }, runsMs);
  }

  /** One cycle on everything as it is now, listed in whatever order; nothing changes. */
  plan(mix: Mix = asListed): Plan {
    const loads = mix(this.#loads());
    const queue = mix === asListed ? this.queue : this.#queueAnew(mix);
    const limits = mix === asListed ? this.#limits : this.#limitBook(mix);
    this.#usage.moveTo(this.at);
    return planCycle({
      queue,
      offers: mix(loads.flatMap(offersOf)),
      policy: this.rules.policy,
      standings: this.#usage,
      at: this.at,
      defaultExecutor: 'mesos',
      limits: { launchesMax: 1_000, shapesMax: 1_000 },
      reserving: {
        afterMs: RESERVATION_AFTER_MS,
        made: this.#made,
        agent: (_executor, id) => loads.find((load) => load.agentId === id),
        agents: () => loads,
      },
      allowance: limits.allowanceAt(this.at),
      priorityOf: (name) => limits.priorityOf(name),
    });
  }

  carryOut({ launches, refusals, reservations }: Plan): void {
    this.#made = reservations;
    for (const { jobId: id } of refusals) {
      this.queue.remove(id);
      this.waiting.delete(id);
      this.refused.add(id);
    }
    for (const { jobId: id, agentId: agent } of launches) {
      const row = this.waiting.get(id);
      if (row === undefined) throw new Error(`job ${id} is launched and does not wait`);
      this.queue.remove(id);
      this.waiting.delete(id);
      const endsAt = this.at + (this.#runsMs.get(id) ?? 0);
      this.live.set(id, { row, agent: Number(agent.slice(1)), startedAt: this.at, endsAt });
      this.waitedMs.set(id, this.at - row.submittedAt);
      this.#usage.charge({ ...row, startedAt: this.at });
      this.#limits.hold(holderOf(row, this.at));
      this.#count(id, 1);
    }
  }

  /** Time goes by, and jobs end; those that `fails` names run into a failure of the system and wait again. */
  pass(fails: (id: JobId) => boolean = () => false): void {
    this.at = instant(this.at + STEP_MS);
    for (const [id, { row, startedAt, endsAt }] of this.live) {
      const failed = fails(id);
      if (endsAt > this.at && !failed) continue;
      const usedMs = failed ? 0 : this.at - startedAt;
      const { owner, project, needs } = row;
      this.live.delete(id);
      this.#usage.settle({ ...row, usedMs, endedAt: this.at });
      this.#limits.settle(id, { user: owner, project, needs, usedMs, endedAt: this.at });
      this.#count(id, -1);
      if (!failed) this.#settled.push({ row, sums: sumsOf(needs, usedMs) });
      else {
        this.queue.add(row);
        this.waiting.set(id, row);
      }
    }
  }

  /** What must never be, told from the model alone. */
  breaches(): string[] {
    const { running, queues } = this.rules.limits;
    const found: string[] = [];
    const rows = [...this.live.values()].map(({ row }) => row);
    const bound = (what: string, counts: (row: QueueRow) => boolean, limit?: number | null) => {
      const count = rows.filter(counts).length;
      if (limit != null && count > limit) found.push(`${what}: ${count} of ${limit} run`);
    };
    for (const { owner, project, queue } of rows) {
      bound(owner, (row) => row.owner === owner, running.user);
      if (project !== 'default') bound(project, (row) => row.project === project, running.project);
      const rule = queues.find(({ name }) => name === queue);
      bound('queue', (row) => row.queue === queue, rule?.maxRunning);
    }
    bound('executor', () => true, running.executor);
    for (const [parent, { size, limit }] of this.#arrays)
      bound(`array ${parent}`, ({ id }) => id > parent && id <= parent + size, limit);
    for (let agent = 0; agent < this.rules.agents; agent++)
      if (this.#freeCpus(agent) < 0) found.push(`agent ${agent} is overbooked`);
    return found;
  }

  /** Quotas that the jobs of a plan would pass, one after the other, with all that ran and runs. */
  passedQuotas({ launches }: Plan): string[] {
    const { quotas } = this.rules;
    const found: string[] = [];
    const planned: QueueRow[] = [];
    for (const { jobId: id } of quotas === null ? [] : launches) {
      const row = this.waiting.get(id);
      if (row === undefined || quotas === null) continue;
      const payers = [(one: QueueRow) => one.owner === row.owner];
      if (row.project !== 'default') payers.push((one) => one.project === row.project);
      for (const isPayer of payers)
        for (const name of QUOTA_NAMES) {
          const limit = quotas[name] ?? 0;
          if (limit > 0 && isPassed(name, limit, this.#sums(isPayer, planned), row.needs))
            found.push(`job ${id} passes ${name} ${limit}`);
        }
      planned.push(row);
    }
    return found;
  }

  #sums(isPayer: (row: QueueRow) => boolean, planned: readonly QueueRow[]): Sums {
    let sum = NO_USE;
    for (const { row, sums } of this.#settled) if (isPayer(row)) sum = added(sum, sums);
    for (const { row, startedAt } of this.live.values())
      if (isPayer(row)) sum = added(sum, sumsOf(row.needs, Math.max(STEP_MS, this.at - startedAt)));
    for (const row of planned) if (isPayer(row)) sum = added(sum, sumsOf(row.needs, STEP_MS));
    return sum;
  }

  #waits(row: QueueRow, runsMs: number): void {
    this.waiting.set(row.id, row);
    this.#runsMs.set(row.id, runsMs);
  }

  #count(id: JobId, by: 1 | -1): void {
    const parent = this.queue.arrayOf(id)?.parent;
    const array = parent === undefined ? undefined : this.#arrays.get(parent);
    if (array === undefined || parent === undefined) return;
    array.running += by;
    this.queue.setRunning(parent, array.running);
  }

  #freeCpus(agent: number): number {
    let free = AGENT_CPUS * 1_000;
    for (const { row, agent: its } of this.live.values())
      if (its === agent) free -= row.needs.cpuMilli;
    return free;
  }

  #loads(): AgentLoad[] {
    return Array.from({ length: this.rules.agents }, (_, agent) => ({
      executor: 'mesos',
      host: `host-a${agent}`,
      attributes: {},
      unavailableFrom: null,
      agentId: agentId(`a${agent}`),
      total: { cpuMilli: AGENT_CPUS * 1_000, memMb: 64_000, gpus: 0, portsFree: 0, custom: {} },
      tasks: [...this.live.values()].filter((one) => one.agent === agent).map(taskOf),
    }));
  }

  #limitBook(mix: Mix = asListed): LimitBook {
    const { limits, quotas } = this.rules;
    const period = { kind: 'window', days: PERIOD_DAYS } as const;
    const book = new LimitBook({ ...limits, period, advanceMs: STEP_MS });
    if (quotas !== null)
      book.setQuotas({
        users: new Map(mix(USERS).map((user) => [userId(user), quotas])),
        projects: new Map(mix(PROJECTS).map((project) => [projectId(project), quotas])),
      });
    for (const { row, sums } of mix(this.#settled)) {
      const { id, owner: user, project, needs } = row;
      book.settle(id, { user, project, needs, usedMs: sums.timeMs, endedAt: this.at });
    }
    for (const { row, startedAt } of mix([...this.live.values()]))
      book.hold(holderOf(row, startedAt));
    return book;
  }

  /** From the record, as after a takeover. */
  takeOver(): void {
    this.#limits = this.#limitBook();
    this.queue = this.#queueAnew(asListed);
  }

  #queueAnew(mix: Mix): PendingQueue {
    const queue = new PendingQueue();
    const isMember = (id: JobId): JobId | undefined =>
      [...this.#arrays].find(([parent, { size }]) => id > parent && id <= parent + size)?.[0];
    for (const [parent, { row, size, running }] of mix([...this.#arrays])) {
      const waiting = new Bits(size);
      // Those that came back to wait are rows; here all are, as far as they wait.
      for (let place = 0; place < size; place++)
        if (!this.waiting.has(memberId(parent, place))) waiting.clear(place);
      queue.addArray(row, waiting);
      queue.setRunning(parent, running);
    }
    for (const row of mix([...this.waiting.values()]))
      if (isMember(row.id) === undefined) queue.add(row);
    return queue;
  }
}

const taskOf = ({ row, startedAt }: Live): AgentTask => ({
  jobId: jobId(row.id),
  needs: row.needs,
  endsAt: row.lifespanMs == null ? null : instant(startedAt + row.lifespanMs),
});

const offersOf = (load: AgentLoad): Offer[] => {
  const used = load.tasks.reduce((sum, { needs }) => sum + needs.cpuMilli, 0);
  const free = someFree({ cpuMilli: load.total.cpuMilli - used, memMb: 32_000 });
  return free.cpuMilli > 0 ? [anOffer(`o-${load.agentId}`, { agent: load.agentId, free })] : [];
};

const holderOf = (row: QueueRow, startedAt: Instant): Holder => ({
  id: row.id,
  user: row.owner,
  project: row.project,
  queue: row.queue ?? null,
  executor: 'mesos',
  needs: row.needs,
  startedAt,
});
