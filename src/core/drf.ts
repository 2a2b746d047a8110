/**
 * Plain dominant resource fairness (Ghodsi et al., NSDI 2011): the user who holds the least of what they hold most of
 * goes first. It knows no history: who ran all week and holds nothing now stands where a newcomer stands.
 */
import { type Bundle, type Measured, measured } from './measure.js';
import type { AccountView, Groups, Head, Policy, Ranking, Standings, Term } from './policy.js';
import type { Needs } from './resources.js';
import type { UserId } from './units.js';

export const drf: Policy = {
  name: 'drf',
  begin: (accounts, standings) => new Drf(accounts, standings),
};

class Drf implements Ranking {
  readonly #measured: Measured;
  readonly #held: Bundle[];
  readonly #userOf: Int32Array;
  readonly groups: Groups;

  constructor(accounts: readonly AccountView[], standings: Standings) {
    this.#measured = measured({ kind: 'dominant' }, standings.capacity);
    const indices = new Map<UserId, number>();
    this.#userOf = Int32Array.from(accounts, ({ user }) => {
      const known = indices.get(user) ?? indices.size;
      indices.set(user, known);
      return known;
    });
    this.#held = [...indices.keys()].map((user) => standings.user(user)?.held ?? NOTHING);
    this.groups = {
      of: (account) => this.#userOf[account] ?? 0,
      score: (group) => this.#share(group),
    };
  }

  /** Among the accounts of one user the oldest job goes first. */
  score(_account: number, head: Head): number {
    return head.id;
  }

  charged(account: number, { cpuMilli, memMb, gpus }: Needs): void {
    const user = this.groups.of(account);
    const held = this.#held[user] ?? NOTHING;
    this.#held[user] = {
      cpuMilli: held.cpuMilli + cpuMilli,
      memMb: held.memMb + memMb,
      gpus: held.gpus + gpus,
    };
  }

  terms(account: number, _head: Head): readonly Term[] {
    const share = this.#share(this.groups.of(account));
    return [
      { name: 'dominant_share', raw: share, unit: '', normalised: share, weight: 1, value: share },
    ];
  }

  #share(user: number): number {
    return this.#measured(this.#held[user] ?? NOTHING);
  }
}

const NOTHING: Bundle = { cpuMilli: 0, memMb: 0, gpus: 0 };
