/** Why one waiting job stands before another: the terms of the policy that put it there, as far as they may be seen. */
import type { ShareFacts } from '../contracts/shares.js';
import type { Job } from '../core/job.js';
import type { Policy } from '../core/policy.js';
import type { Prospect } from './prospects.js';
import { scoredAccounts } from './shares.js';

/** A term in which both accounts differ; the lower value goes first. */
export interface TermBeside {
  readonly name: string;
  readonly mine: number;
  readonly other: number;
}

export type Cause =
  /** One user in one project and queue: jobs go in the order in which they were submitted. */
  | { readonly code: 'same-account' }
  /** Higher goes first. */
  | { readonly code: 'queue-priority'; readonly mine: number; readonly other: number }
  /** Lower goes first: of what is compared before accounts are, such as projects. */
  | { readonly code: 'group-score'; readonly mine: number; readonly other: number }
  /** Lower goes first; terms are those that speak for the one in front, the weightiest first. */
  | {
      readonly code: 'score';
      readonly mine: number;
      readonly other: number;
      readonly terms: readonly TermBeside[];
    }
  /** Jobs before it, of its own account, have their turn first. */
  | { readonly code: 'own-jobs-first'; readonly whose: 'mine' | 'other' }
  /** Alike in all that is compared: the lower number goes first. */
  | { readonly code: 'older' }
  /** The other one is not the asker's to look into. */
  | { readonly code: 'not-shown' };

export interface Comparison {
  /** Which stands before the other; null: not known. */
  readonly first: 'mine' | 'other' | null;
  readonly because: readonly Cause[];
}

interface Side {
  readonly job: Job;
  readonly prospect: Prospect | undefined;
}

export interface Compared {
  readonly mine: Side;
  readonly other: Side;
  readonly isOtherShown: boolean;
  readonly shares: ShareFacts | undefined;
  readonly policy: Policy;
  /** Of a queue of the site, or of none. */
  readonly priorityOf: (queue: string | null) => number;
}

export function compared(input: Compared): Comparison {
  const { mine, other, isOtherShown, priorityOf } = input;
  const first = firstOf(mine, other);
  if (!isOtherShown) return { first, because: [{ code: 'not-shown' }] };
  const [a, b] = [mine.job, other.job];
  const [myQueue, otherQueue] = [a.spec.queue ?? null, b.spec.queue ?? null];
  const [myPriority, otherPriority] = [priorityOf(myQueue), priorityOf(otherQueue)];
  if (myPriority !== otherPriority) {
    const code = 'queue-priority';
    return { first, because: [{ code, mine: myPriority, other: otherPriority }] };
  }
  if (a.owner === b.owner && a.project === b.project && myQueue === otherQueue)
    return { first, because: [{ code: 'same-account' }] };
  return { first, because: byScores(input, first) };
}

/** Ranges that overlap tell nothing. */
function firstOf(mine: Side, other: Side): Comparison['first'] {
  const [a, b] = [mine.prospect?.place, other.prospect?.place];
  if (a == null || b == null) return null;
  if (a.to < b.from) return 'mine';
  return b.to < a.from ? 'other' : null;
}

function byScores(
  { mine, other, shares, policy }: Compared,
  first: Comparison['first'],
): readonly Cause[] {
  if (shares === undefined || first === null) return [];
  const scored = scoredAccounts(shares, policy, () => true);
  const of = ({ job }: Side) =>
    scored.find(({ account }) => account.user === job.owner && account.project === job.project);
  const [a, b] = [of(mine), of(other)];
  if (a?.score == null || b?.score == null) return [];
  const sign = first === 'mine' ? 1 : -1;
  const causes: Cause[] = [];
  if (a.group !== null && b.group !== null && a.group !== b.group)
    causes.push({ code: 'group-score', mine: a.group, other: b.group });
  else if (a.score !== b.score) {
    const terms = a.terms
      .map(({ name, value }) => ({
        name,
        mine: value,
        other: b.terms.find((term) => term.name === name)?.value ?? 0,
      }))
      .filter((term) => sign * (term.other - term.mine) > 0)
      .sort((one, two) => Math.abs(two.other - two.mine) - Math.abs(one.other - one.mine));
    causes.push({ code: 'score', mine: a.score, other: b.score, terms });
  } else causes.push({ code: 'older' });
  // What decides between accounts is the job of each that is next.
  if (a.account.line !== null && a.account.line.headId < mine.job.id)
    causes.push({ code: 'own-jobs-first', whose: 'mine' });
  if (b.account.line !== null && b.account.line.headId < other.job.id)
    causes.push({ code: 'own-jobs-first', whose: 'other' });
  return causes;
}
