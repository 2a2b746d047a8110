/** The use of one user, project or account, in closed form: a few sums that tell it at any instant. */
import type { Held } from './policy.js';
import type { Needs } from './resources.js';
import type { Instant } from './units.js';
import { added, dayOf, decay, NO_USE, type Sums, type Usage, type UsageRule } from './usage.js';

interface Amounts {
  jobs: number;
  cpuMilli: number;
  memMb: number;
  gpus: number;
}

const none = (): Amounts => ({ jobs: 0, cpuMilli: 0, memMb: 0, gpus: 0 });

export class UsageTally {
  readonly #rule: UsageRule;
  /** Jobs that ended: under a half-life all in one sum, in a window by day. */
  #faded: Usage;
  readonly #days = new Map<number, Sums>();
  /** What live jobs hold. */
  readonly #held = none();
  /** Those of them that have run longer than the advance. */
  readonly #growing = none();
  /** Sum over these of amount × start, the start counted from `#origin`, so that numbers stay exact. */
  readonly #starts = none();
  readonly #origin: Instant;

  constructor(rule: UsageRule, origin: Instant) {
    this.#rule = rule;
    this.#origin = origin;
    this.#faded = { sums: NO_USE, asOf: origin };
  }

  get held(): Held {
    return { ...this.#held };
  }

  /** The same sums, to go on with by themselves. */
  copy(): UsageTally {
    const copy = new UsageTally(this.#rule, this.#origin);
    copy.#faded = this.#faded;
    for (const [day, sums] of this.#days) copy.#days.set(day, sums);
    Object.assign(copy.#held, this.#held);
    Object.assign(copy.#growing, this.#growing);
    Object.assign(copy.#starts, this.#starts);
    return copy;
  }

  hold(needs: Needs): void {
    raise(this.#held, needs, 1);
  }

  /** From its start on a held job counts for the time it has run. */
  startGrowing(needs: Needs, startedAt: Instant): void {
    raise(this.#growing, needs, 1);
    raise(this.#starts, needs, startedAt - this.#origin);
  }

  /** @param grownFrom its start, if it grows; else null */
  release(needs: Needs, grownFrom: Instant | null): void {
    raise(this.#held, needs, -1);
    if (grownFrom === null) return;
    raise(this.#growing, needs, -1);
    raise(this.#starts, needs, this.#origin - grownFrom);
    // What rounding left behind must not outlive the jobs.
    if (this.#growing.jobs === 0) Object.assign(this.#starts, none());
  }

  /** A job, or a day's jobs, ended: counts in full at its end, and fades from there. */
  end(sums: Sums, endedAt: Instant): void {
    const rule = this.#rule;
    if (rule.kind === 'window') {
      const day = dayOf(endedAt);
      this.#days.set(day, added(this.#days.get(day) ?? NO_USE, sums));
      return;
    }
    const { asOf } = this.#faded;
    // Both brought to the later of the two instants.
    if (endedAt >= asOf) {
      const before = decay(this.#faded, endedAt, rule);
      this.#faded = { sums: added(before.sums, sums), asOf: endedAt };
    } else {
      const late = decay({ sums, asOf: endedAt }, asOf, rule);
      this.#faded = { sums: added(this.#faded.sums, late.sums), asOf };
    }
  }

  used(at: Instant, advanceMs: number): Sums {
    return added(this.#ended(at), this.#live(at, advanceMs));
  }

  #ended(at: Instant): Sums {
    const rule = this.#rule;
    if (rule.kind === 'half-life') return decay(this.#faded, at, rule).sums;
    const first = dayOf(at) - rule.days + 1;
    let sum = NO_USE;
    for (const [day, sums] of this.#days)
      if (day < first) this.#days.delete(day);
      else sum = added(sum, sums);
    return sum;
  }

  #live(at: Instant, advanceMs: number): Sums {
    const held = this.#held;
    if (held.jobs === 0) return NO_USE;
    const growing = this.#growing;
    const starts = this.#starts;
    const nowMs = at - this.#origin;
    const run = (name: keyof Amounts): number => {
      const young = (held[name] - growing[name]) * advanceMs;
      return young + Math.max(growing[name] * advanceMs, growing[name] * nowMs - starts[name]);
    };
    return {
      cpuMilli: held.cpuMilli,
      memMb: held.memMb,
      gpus: held.gpus,
      timeMs: run('jobs'),
      cpuMilliMs: run('cpuMilli'),
      memMbMs: run('memMb'),
      gpuMs: run('gpus'),
    };
  }
}

function raise(amounts: Amounts, { cpuMilli, memMb, gpus }: Needs, by: number): void {
  amounts.jobs += by;
  amounts.cpuMilli += cpuMilli * by;
  amounts.memMb += memMb * by;
  amounts.gpus += gpus * by;
}
