/** Gathers how everybody stands, for those who ask why one goes before another. */
import { SHARE_ACCOUNTS_MAX } from '../contracts/limits.js';
import type { AccountFacts, QueueLoad, ShareFacts, StandingFacts } from '../contracts/shares.js';
import type { Standing } from '../core/policy.js';
import { PRIO_USUAL } from '../core/policy.js';
import type { AccountQueue, PendingQueue } from '../core/queue.js';
import type { Instant, JobId, ProjectId, UserId } from '../core/units.js';
import { NO_USE, type UsageRule } from '../core/usage.js';
import type { UsageBook } from '../core/usage-book.js';
import type { Limits } from './limits.js';

export interface SharesOf {
  readonly queue: PendingQueue;
  readonly standings: UsageBook;
  readonly policy: string;
  readonly usage: UsageRule;
  readonly limits: Limits;
}

export function shareFacts({ queue, standings, policy, usage, limits }: SharesOf): ShareFacts {
  const accounts: AccountFacts[] = [];
  const seen = new Map<string, number>();
  const add = (user: UserId, project: ProjectId, waiting?: AccountQueue): void => {
    const key = JSON.stringify([user, project]);
    const before = seen.get(key);
    if (before !== undefined && waiting !== undefined) {
      // The same account in another queue of the site.
      const known = accounts[before];
      if (known !== undefined) accounts[before] = together(known, waiting, queue);
    }
    if (before !== undefined || accounts.length >= SHARE_ACCOUNTS_MAX) return;
    seen.set(key, accounts.length);
    accounts.push({
      user,
      project,
      waiting: waiting?.size ?? 0,
      line: waiting === undefined ? null : lineOf(waiting, queue),
      standing: factsOf(standings.account(user, project)),
    });
  };
  for (const account of queue.accounts()) add(account.user, account.project, account);
  for (const { user, project } of standings.accounts()) add(user, project);
  const users = [...new Set(accounts.map(({ user }) => user))].sort();
  const projects = [...new Set(accounts.map(({ project }) => project))].sort();
  const { capacity } = standings;
  return {
    at: standings.at,
    policy,
    usage,
    advanceMs: standings.advanceMs,
    capacity:
      capacity === null
        ? null
        : { cpuMilli: capacity.cpuMilli, memMb: capacity.memMb, gpus: capacity.gpus },
    accounts,
    queues: loadsOf(queue, limits),
    users: users.map((id) => [id, factsOf(standings.user(id))]),
    projects: projects.map((id) => [id, factsOf(standings.project(id))]),
  };
}

function together(known: AccountFacts, waiting: AccountQueue, queue: PendingQueue): AccountFacts {
  const [a, b] = [known.line, lineOf(waiting, queue)];
  const head = a === null || (b !== null && b.headId < a.headId) ? b : a;
  const newestAt = Math.max(a?.newestAt ?? 0, b?.newestAt ?? 0) as Instant;
  return {
    ...known,
    waiting: known.waiting + waiting.size,
    line: head === null ? null : { ...head, newestAt },
  };
}

/** Every queue of the site, also an idle one. */
function loadsOf(queue: PendingQueue, limits: Limits): readonly QueueLoad[] {
  const waiting = new Map<string, number>();
  for (const account of queue.accounts())
    if (account.queue !== null)
      waiting.set(account.queue, (waiting.get(account.queue) ?? 0) + account.size);
  return limits.queues.map((name) => ({
    name,
    waiting: waiting.get(name) ?? 0,
    running: limits.runningIn(name),
  }));
}

function lineOf(account: AccountQueue, queue: PendingQueue): AccountFacts['line'] {
  const headId = account.headAtLeast(0 as JobId);
  if (headId === undefined) return null;
  const headAt = queue.submittedAt(headId) ?? (0 as Instant);
  return { headId, headAt, newestAt: account.newestAt };
}

const factsOf = (standing: Standing | undefined): StandingFacts => ({
  used: standing?.used ?? NO_USE,
  held: standing?.held ?? { jobs: 0, cpuMilli: 0, memMb: 0, gpus: 0 },
  prio: standing?.prio ?? PRIO_USUAL,
});
