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
  const waiting = new Set<string>();
  const add = (user: UserId, project: ProjectId, line?: AccountQueue): void => {
    if (accounts.length >= SHARE_ACCOUNTS_MAX) return;
    const name = line?.queue ?? null;
    accounts.push({
      user,
      project,
      queue: name,
      priority: limits.priorityOf(name),
      waiting: line?.size ?? 0,
      line: line === undefined ? null : lineOf(line, queue),
      standing: factsOf(standings.account(user, project)),
    });
  };
  for (const account of queue.accounts()) {
    waiting.add(JSON.stringify([account.user, account.project]));
    add(account.user, account.project, account);
  }
  for (const { user, project } of standings.accounts())
    if (!waiting.has(JSON.stringify([user, project]))) add(user, project);
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
