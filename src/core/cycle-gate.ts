/** Limits and quotas within one cycle. */
import type { Allowance, Hold, Refusal } from './allowance.js';
import type { CycleInput } from './plan.js';
import type { Shape } from './queue.js';
import type { Walk } from './walk.js';

/** Holds the cycle to limits and quotas, and remembers what it said. */
export class CycleGate {
  readonly refusals: Refusal[] = [];
  readonly holds: Hold[] = [];
  readonly #allowance: Allowance | undefined;
  readonly #defaultExecutor: string | null;

  constructor({ allowance, defaultExecutor }: CycleInput) {
    this.#allowance = allowance;
    this.#defaultExecutor = defaultExecutor ?? null;
  }

  /** Whether the head may have a place; if not, whether it ends, or who else need not be asked. */
  admits({
    account,
    line: { shape },
    head,
  }: Walk): 'go' | 'refused' | 'line-held' | 'account-held' {
    const no = this.#allowance?.denial(account, this.#claim(shape));
    if (no == null) return 'go';
    if (no.kind === 'refuse') {
      const { user, project, queue } = account;
      const claimant = { user, project, queue };
      const claim = this.#claim(shape);
      this.refusals.push({ jobId: head.id, because: no.because, claimant, claim });
      return 'refused';
    }
    const { obstacle, isForAll } = no;
    const { index, user, project, queue } = account;
    const held = isForAll ? null : shape;
    this.holds.push({ account: index, user, project, queue, shape: held, obstacle });
    return isForAll ? 'account-held' : 'line-held';
  }

  placed({ account, line: { shape } }: Walk): void {
    this.#allowance?.taken(account, this.#claim(shape));
  }

  #claim({ needs, executor }: Shape) {
    return { needs, executor: executor ?? this.#defaultExecutor };
  }
}
