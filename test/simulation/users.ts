/** Users of the simulated world: they submit, try again when the answer got lost, and change their minds. */
import { type ArraySpec, arraySize, memberId, parseArray } from '../../src/core/array.js';
import type { RetryRule } from '../../src/core/job.js';
import { instant, type JobId, projectId, userId } from '../../src/core/units.js';
import { aNewJob, aSpec } from '../store/a-job.js';
import { type MemoryRecord, MemoryStore, storeAway } from '../support/memory-store.js';
import type { Chance } from './chance.js';
import type { SimTime } from './time.js';
import type { Trace } from './trace.js';
import type { Wishes } from './wishes.js';

export interface UserPorts {
  readonly time: SimTime;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly record: MemoryRecord;
  /** Tells the leader, if the notice arrives. */
  readonly notice: (tell: Notice) => void;
  /** Draws what jobs wait for. */
  readonly wishes: Wishes;
}

export type Notice =
  | { readonly submitted: JobId }
  | { readonly killed: JobId }
  | { readonly heldOrReleased: JobId };

function arrayBy(chance: Chance): ArraySpec | undefined {
  const limit = chance.happens(0.5) ? `%${chance.between(1, 4)}` : '';
  const parsed = parseArray(`${chance.between(1, 9)}${limit}`);
  return parsed.kind === 'array' ? parsed.spec : undefined;
}

export const OWNERS = ['ann', 'ben', 'cleo', 'dan'].map(userId);
export const EPOCH_MS = 1_800_000_000_000;

/** No more than any agent of the world has for one job. */
const MEM_MB_MAX = 128 * 12;

/** Mostly none. */
function drawRules(chance: Chance): readonly RetryRule[] {
  if (!chance.happens(0.4)) return [];
  return Array.from({ length: chance.between(1, 2) }, () => {
    const first = chance.between(1, 200);
    return {
      exitCodes: chance.happens(0.8) ? [{ first, last: chance.between(first, 255) }] : [],
      isForMemory: chance.happens(0.6),
      timesMax: chance.between(1, 3),
      pauseMs: chance.pick([0, 0, 1_000, 20_000, 90_000]) ?? 0,
      growth: chance.happens(0.5) ? { factor: 1.5, memMbMax: MEM_MB_MAX } : null,
    };
  });
}

export class Users {
  readonly #ports: UserPorts;
  readonly #store: MemoryStore;
  /** Submissions that got their 200. */
  readonly acknowledged = new Set<JobId>();
  /** Submissions whose user still tries. */
  trying = 0;
  /** Chance that the way to the store or back fails. */
  trouble = 0;
  #keys = 0;

  constructor(ports: UserPorts) {
    this.#ports = ports;
    this.#store = new MemoryStore(ports.record);
  }

  get submitted(): number {
    return this.#keys;
  }

  /** Starts a submission; it goes on until it is acknowledged. */
  submit(owner = this.#ports.chance.pick(OWNERS) ?? OWNERS[0], mayKill = true): void {
    const { chance } = this.#ports;
    this.#keys += 1;
    this.trying += 1;
    const array = mayKill && chance.happens(0.15) ? arrayBy(chance) : undefined;
    const { time, wishes } = this.#ports;
    const waits = mayKill ? wishes.draw(array, EPOCH_MS + time.nowMs) : {};
    const job = aNewJob({
      owner: owner ?? userId('ann'),
      project: projectId('default'),
      idempotencyKey: `key-${this.#keys}`,
      digest: `digest-${this.#keys}`,
      spec: aSpec({
        needs: {
          cpuMilli: 500 * chance.between(1, 6),
          memMb: 128 * chance.between(1, 12),
          gpus: 0,
          ports: 0,
          custom: {},
        },
        systemRetriesMax: chance.between(0, 5),
        ...(array === undefined ? {} : { array }),
        retries: drawRules(chance),
        ...waits,
      }),
    });
    void this.#try(job, mayKill);
  }

  async #try(job: ReturnType<typeof aNewJob>, mayKill: boolean): Promise<void> {
    const { chance, time, trace, notice } = this.#ports;
    try {
      if (chance.happens(this.trouble)) throw storeAway();
      const submittedAt = instant(EPOCH_MS + time.nowMs);
      const [answer] = await this.#store.submit([{ ...job, submittedAt }]);
      if (chance.happens(this.trouble)) throw storeAway();
      if (answer === undefined) throw new Error('the store answers each submission');
      trace.add('web', `job ${answer.id} of ${job.owner} ${answer.kind}`);
      this.acknowledged.add(answer.id);
      this.#ports.wishes.stored(answer.id, job.spec.array);
      this.trying -= 1;
      if (chance.happens(0.8)) notice({ submitted: answer.id });
      if (!mayKill) return;
      const { array } = job.spec;
      if (chance.happens(0.15)) this.#killLater(answer.id);
      if (chance.happens(0.15)) this.#holdLater(answer.id, job.spec.array);
      // One member, which may wait, run or be over by then.
      if (array !== undefined && chance.happens(0.3))
        this.#killLater(memberId(answer.id, chance.between(0, arraySize(array) - 1)));
    } catch {
      time.after(chance.between(500, 5_000), () => void this.#try(job, mayKill));
    }
  }

  /** And releases it again, be it late. */
  #holdLater(id: JobId, array: ArraySpec | undefined): void {
    const { chance, time } = this.#ports;
    const isMember = array !== undefined && chance.happens(0.5);
    const held = isMember ? memberId(id, chance.between(0, arraySize(array) - 1)) : id;
    time.after(chance.between(0, 20_000), () => void this.#hold(held));
  }

  async #hold(id: JobId): Promise<void> {
    const { chance, time, trace, notice } = this.#ports;
    const at = instant(EPOCH_MS + time.nowMs);
    const answer = await this.#store.holdBack(id, { by: userId('ann'), isAdmin: false, at });
    trace.add('web', `hold of job ${id}: ${answer}`);
    if (answer !== 'held') return;
    if (chance.happens(0.7)) notice({ heldOrReleased: id });
    time.after(chance.between(100, 120_000), () => {
      trace.add('web', `release of job ${id}`);
      void this.#store.release(id, { isAdmin: false }).then(() => {
        if (chance.happens(0.7)) notice({ heldOrReleased: id });
      });
    });
  }

  #killLater(id: JobId): void {
    const { chance, time, trace, notice } = this.#ports;
    time.after(chance.between(0, chance.happens(0.5) ? 2_000 : 120_000), () => {
      trace.add('web', `kill of job ${id} wanted`);
      void this.#store.wantKill(id, userId('ann'), instant(EPOCH_MS + time.nowMs)).then(() => {
        if (chance.happens(0.7)) notice({ killed: id });
      });
    });
  }
}
