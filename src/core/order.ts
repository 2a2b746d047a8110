/**
 * Accounts in order: the highest priority of queues first, then as the policy says: the least group, then the least account,
 * also among groups that are equal, so that the order is a total one; ties end with the job id.
 */
import { KeyHeap, Keys } from './key-heap.js';
import type { Groups, Head } from './policy.js';

/** An account's place in line; `score` and `head` move while it stands there. */
export interface Ranked {
  readonly index: number;
  /** Of its queue: those with a higher one go first, whatever the policy says. */
  readonly priority: number;
  readonly head: Head;
  readonly score: number;
}

/** Accounts of one group whose queues have one priority. */
interface Group {
  /** As the policy counts them. */
  readonly number: number;
  readonly line: KeyHeap;
}

export class AccountOrder<T extends Ranked> {
  readonly #accounts: readonly T[];
  readonly #policy: Groups | undefined;
  /** By place in `#accounts`. */
  readonly #keys: Keys;
  readonly #groups: readonly Group[];
  /** By place in `#groups`; score and id are those of its first account. */
  readonly #groupKeys: Keys;
  /** The groups of each lower priority, the highest first. */
  readonly #later: (readonly number[])[];
  /** Groups of the highest priority that is left. */
  #level: KeyHeap;

  constructor(accounts: readonly T[], groups: Groups | undefined) {
    this.#accounts = accounts;
    this.#policy = groups;
    this.#keys = new Keys(accounts.length);
    for (let at = 0; at < accounts.length; at++) this.#rekey(at);
    const byPriority = partition(accounts.keys(), (at) => accounts[at]?.priority ?? 0);
    const levels = [...byPriority].sort(([a], [b]) => b - a);
    const found: Group[] = [];
    this.#later = levels.map(([, level]) => {
      const groupOf = (at: number) => groups?.of(accounts[at]?.index ?? 0) ?? 0;
      return [...partition(level, groupOf)].map(
        ([number, members]) => found.push({ number, line: new KeyHeap(this.#keys, members) }) - 1,
      );
    });
    this.#groups = found;
    this.#groupKeys = new Keys(found.length);
    this.#level = this.#nextLevel();
  }

  peek(): T | undefined {
    const group = this.#level.peek();
    const first = group === undefined ? undefined : this.#groups[group]?.line.peek();
    return first === undefined ? undefined : this.#accounts[first];
  }

  /** The first account's score, head or group has moved. */
  settleTop(): void {
    const group = this.#level.peek();
    const line = group === undefined ? undefined : this.#groups[group]?.line;
    const first = line?.peek();
    if (group === undefined || line === undefined || first === undefined) return;
    this.#rekey(first);
    line.settleTop();
    this.#rekeyGroup(group);
    this.#level.settleTop();
  }

  /** The first account leaves. */
  pop(): void {
    const group = this.#level.peek();
    const line = group === undefined ? undefined : this.#groups[group]?.line;
    if (group === undefined || line === undefined) return;
    line.pop();
    if (line.peek() === undefined) this.#level.pop();
    else {
      this.#rekeyGroup(group);
      this.#level.settleTop();
    }
    if (this.#level.peek() === undefined) this.#level = this.#nextLevel();
  }

  /** Its groups are scored when their turn comes: who was placed from queues that go first counts for the policy, too. */
  #nextLevel(): KeyHeap {
    const members = this.#later.shift() ?? [];
    for (const at of members) this.#rekeyGroup(at);
    return new KeyHeap(this.#groupKeys, members);
  }

  #rekey(at: number): void {
    const account = this.#accounts[at];
    if (account === undefined) return;
    this.#keys.score[at] = account.score;
    this.#keys.id[at] = account.head.id;
  }

  #rekeyGroup(at: number): void {
    const group = this.#groups[at];
    const first = group?.line.peek();
    if (group === undefined || first === undefined) return;
    const keys = this.#groupKeys;
    if (this.#policy !== undefined) keys.major[at] = this.#policy.score(group.number);
    keys.score[at] = this.#keys.score[first] as number;
    keys.id[at] = this.#keys.id[first] as number;
  }
}

/** In the order in which they come. */
function partition(all: Iterable<number>, by: (one: number) => number): Map<number, number[]> {
  const parts = new Map<number, number[]>();
  for (const one of all) {
    const key = by(one);
    const part = parts.get(key);
    if (part === undefined) parts.set(key, [one]);
    else part.push(one);
  }
  return parts;
}
