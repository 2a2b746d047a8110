/**
 * Accounts in order: the highest priority of queues first, then as the policy says: the least group, then the least account,
 * also among groups that are equal, so that the order is a total one; ties end with the job id.
 */
import { Heap } from './heap.js';
import type { Groups, Head } from './policy.js';

/** An account's place in line; `score` and `head` move while it stands there. */
export interface Ranked {
  readonly index: number;
  /** Of its queue: those with a higher one go first, whatever the policy says. */
  readonly priority: number;
  readonly head: Head;
  readonly score: number;
}

interface Group<T> {
  readonly priority: number;
  score: number;
  readonly line: Heap<T>;
}

const isBefore = (a: Ranked, b: Ranked): boolean =>
  a.score < b.score || (a.score === b.score && a.head.id < b.head.id);

export class AccountOrder<T extends Ranked> {
  readonly #groups: Heap<Group<T>>;
  readonly #rescore: (group: Group<T>) => void;

  constructor(accounts: readonly T[], groups: Groups | undefined) {
    if (groups === undefined) {
      this.#rescore = () => {};
      this.#groups = new Heap<Group<T>>(
        (a, b) => a.priority > b.priority,
        lined(accounts, () => 0),
      );
      return;
    }
    this.#rescore = (group) => {
      const first = group.line.peek();
      if (first !== undefined) group.score = groups.score(groups.of(first.index));
    };
    const all = lined(accounts, (index) => groups.of(index));
    for (const group of all) this.#rescore(group);
    this.#groups = new Heap<Group<T>>(isGroupBefore, all);
  }

  peek(): T | undefined {
    return this.#groups.peek()?.line.peek();
  }

  /** The first account's score, head or group has moved. */
  settleTop(): void {
    const group = this.#groups.peek();
    if (group === undefined) return;
    group.line.settleTop();
    this.#rescore(group);
    this.#groups.settleTop();
  }

  /** The first account leaves. */
  pop(): void {
    const group = this.#groups.peek();
    group?.line.pop();
    if (group === undefined) return;
    if (group.line.peek() === undefined) this.#groups.pop();
    else {
      this.#rescore(group);
      this.#groups.settleTop();
    }
  }
}

function isGroupBefore<T extends Ranked>(a: Group<T>, b: Group<T>): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.score !== b.score) return a.score < b.score;
  const [one, other] = [a.line.peek(), b.line.peek()];
  return one !== undefined && (other === undefined || isBefore(one, other));
}

/** Accounts of one group whose queues have different priorities stand in different lines. */
function lined<T extends Ranked>(
  accounts: readonly T[],
  of: (index: number) => number,
): Group<T>[] {
  const groups = new Map<string, T[]>();
  for (const account of accounts) {
    const key = `${account.priority} ${of(account.index)}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [account]);
    else known.push(account);
  }
  return [...groups.values()].map((members) => ({
    priority: members[0]?.priority ?? 0,
    score: 0,
    line: new Heap<T>(isBefore, members),
  }));
}
