/** Who stands where and why: the accounts scored by the policy in force, every term with its weight. */
import type { AccountFacts, ShareFacts, StandingFacts } from '../contracts/shares.js';
import { standingsIn } from '../contracts/shares.js';
import { QUEUE_PRIORITY_USUAL } from '../core/limit-book.js';
import { AccountOrder } from '../core/order.js';
import type { AccountView, Head, Policy, Ranking, Term } from '../core/policy.js';
import { jobId } from '../core/units.js';

/** Which rows somebody may see, or asked for. */
export type Chosen = (row: {
  readonly user: string | null;
  readonly project: string | null;
}) => boolean;

/** Ids above all real ones, for jobs that nobody has submitted. */
const NO_JOB = jobId(Number.MAX_SAFE_INTEGER);
/** Accounts without a waiting job that are scored in one report: each costs a look at all that wait. */
const IDLE_SCORED_MAX = 50;

/**
 * The report as it goes over the wire: amounts in seconds, cpus and GB. Accounts in the order of the cycle (priority of
 * the queue first, then the policy), those
 * without a waiting job at the end, scored as if they submitted one now.
 */
export function shareReport(facts: ShareFacts, policy: Policy, isChosen: Chosen) {
  const scored = scoredAccounts(facts, policy, isChosen);
  return {
    policy: facts.policy,
    usage: usageToWire(facts),
    date: facts.at / 1_000,
    capacity: facts.capacity === null ? null : bundleToWire(facts.capacity),
    accounts: scored.map(({ account, score, group, position, terms }) => ({
      user: account.user,
      project: account.project,
      queue: account.queue ?? null,
      queue_priority: account.priority ?? QUEUE_PRIORITY_USUAL,
      waiting: account.waiting,
      position,
      score,
      group_score: group,
      ...standingToWire(account.standing),
      terms,
    })),
    users: facts.users
      .filter(([user]) => isChosen({ user, project: null }))
      .map(([id, standing]) => ({ id, ...standingToWire(standing) })),
    projects: facts.projects
      .filter(([project]) => isChosen({ user: null, project }))
      .map(([id, standing]) => ({ id, ...standingToWire(standing) })),
  };
}

export interface Scored {
  readonly account: AccountFacts;
  /** Null: not scored, as nothing waits and too many others are asked about. */
  readonly score: number | null;
  /** Null: the policy has no groups. */
  readonly group: number | null;
  /** From 1 among those who wait; null: nothing waits. */
  readonly position: number | null;
  readonly terms: readonly Term[];
}

export function scoredAccounts(
  facts: ShareFacts,
  policy: Policy,
  isChosen: Chosen,
): readonly Scored[] {
  const standings = standingsIn(facts);
  const waiting = facts.accounts.filter(({ line }) => line !== null);
  const ranking = policy.begin(waiting.map(viewOf(facts)), standings, facts.at);
  const scoreOf = makeScore(facts);
  const scored = inOrder(
    waiting.map((account, index) => scoreOf(account, index, ranking)),
    ranking,
    facts,
  );
  const idle = facts.accounts.filter((account) => account.line === null && isChosen(account));
  return [
    ...scored.filter(({ account }) => isChosen(account)),
    ...idle.map((account) => {
      if (idle.length > IDLE_SCORED_MAX)
        return { account, score: null, group: null, position: null, terms: [] };
      // Each alone beside those who wait: it must not move the bounds for the others.
      const all = [...waiting, account];
      const supposed = policy.begin(all.map(viewOf(facts)), standings, facts.at);
      return scoreOf(account, all.length - 1, supposed);
    }),
  ];
}

const headOf = ({ line }: AccountFacts, facts: ShareFacts): Head =>
  line === null
    ? { id: NO_JOB, submittedAt: facts.at }
    : { id: line.headId, submittedAt: line.headAt };

const viewOf =
  (facts: ShareFacts) =>
  (account: AccountFacts): AccountView => ({
    user: account.user,
    project: account.project,
    head: headOf(account, facts),
    newestAt: account.line?.newestAt ?? facts.at,
  });

function makeScore(facts: ShareFacts) {
  return (account: AccountFacts, index: number, ranking: Ranking): Scored => {
    const head = headOf(account, facts);
    const { groups } = ranking;
    return {
      account,
      score: ranking.score(index, head),
      group: groups === undefined ? null : groups.score(groups.of(index)),
      position: null,
      terms: ranking.terms?.(index, head) ?? [],
    };
  };
}

/** In the order of a cycle that would place one job of each. */
function inOrder(
  scored: readonly Scored[],
  ranking: Ranking,
  facts: ShareFacts,
): readonly Scored[] {
  const ranked = scored.map((one, index) => ({
    index,
    priority: one.account.priority ?? QUEUE_PRIORITY_USUAL,
    head: headOf(one.account, facts),
    score: one.score ?? 0,
    one,
  }));
  const order = new AccountOrder(ranked, ranking.groups);
  const found: Scored[] = [];
  for (let next = order.peek(); next !== undefined; next = order.peek()) {
    found.push({ ...next.one, position: found.length + 1 });
    order.pop();
  }
  return found;
}

const usageToWire = ({ usage, advanceMs }: ShareFacts) =>
  usage.kind === 'window'
    ? { kind: usage.kind, days: usage.days, advance: advanceMs / 1_000 }
    : { kind: usage.kind, half_life: usage.halfLifeMs / 1_000, advance: advanceMs / 1_000 };

/** cpus, GB and GPUs. */
const bundleToWire = ({
  cpuMilli,
  memMb,
  gpus,
}: {
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
}) => ({ cpu: cpuMilli / 1_000, ram: memMb / 1_000, gpus });

/** The original's counters by their names, and the time each resource was used, in hours. */
const standingToWire = ({ prio, used, held }: StandingFacts) => ({
  prio,
  running: held.jobs,
  held: bundleToWire(held),
  used: {
    time: used.timeMs / 1_000,
    cpu: used.cpuMilli / 1_000,
    ram: used.memMb / 1_000,
    gpus: used.gpus,
    cpu_hours: used.cpuMilliMs / 1_000 / HOUR_MS,
    ram_hours: used.memMbMs / 1_000 / HOUR_MS,
    gpu_hours: used.gpuMs / HOUR_MS,
  },
});

const HOUR_MS = 3_600_000;
