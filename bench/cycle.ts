/**
 * `cycle-1m`, `match-100k`: what the leader's synchronous part costs in the size of a large centre. The floor walks as
 * many accounts and agents without any rule: a heap that is settled for each job or line of jobs looked at, and for each
 * shape two comparisons an agent.
 */
import { planCycle } from '../src/core/cycle.js';
import { Heap } from '../src/core/heap.js';
import type { Plan } from '../src/core/plan.js';
import { Centre, type CentreSize } from './centre.js';
import { duration, type Figure, median } from './figure.js';
import { USUAL } from './workload.js';

const MILLION: Omit<CentreSize, 'isBounded'> = { ...USUAL, jobs: 1_000_000, agents: 1_000 };
/** Whoever asks for anything: nearly every account has jobs of every shape. */
const DIVERSE = { ...MILLION, demands: 100, habits: 100 };
/** Until all agents are full and the code is warm. */
const ROUNDS_BEFORE = 30;
const ROUNDS = 31;
/** Jobs that end in one round, and about as many start. */
const ENDS = 300;

interface Work {
  readonly accounts: number;
  readonly launches: number;
  /** Lines that found no place. */
  readonly lines: number;
  readonly shapes: number;
  readonly bins: number;
}

const workOf = ({ queue }: Centre, plan: Plan, bins: number): Work => {
  const accounts = [...queue.accounts()];
  return {
    accounts: accounts.length,
    launches: plan.launches.length,
    lines: accounts.reduce((sum, account) => sum + account.lineCount, 0),
    shapes: queue.shapes,
    bins,
  };
};

/** Milliseconds of the bare walk. */
export function bareMs({ accounts, launches, lines, shapes, bins }: Work): number {
  const heads = Array.from({ length: accounts }, (_, n) => ({ score: n }));
  const room = Float64Array.from({ length: bins * 2 }, (_, n) => n % 7);
  const before = performance.now();
  const heap = new Heap<{ score: number }>((a, b) => a.score < b.score, heads);
  for (let step = 0; step < launches + lines; step++) {
    const head = heap.peek();
    if (head !== undefined) head.score += accounts / 2;
    heap.settleTop();
  }
  let fits = 0;
  for (let shape = 0; shape < shapes; shape++)
    for (let bin = 0; bin < bins; bin++)
      if ((room[2 * bin] ?? 0) >= 8 && (room[2 * bin + 1] ?? 0) >= 8) fits++;
  if (fits > 0) throw new Error('no bare agent has room');
  return performance.now() - before;
}

interface Measured {
  readonly planMs: number;
  readonly floorMs: number;
}

/** A moment of the centre, again and again. */
function steady(what: string, size: CentreSize): Measured {
  const centre = new Centre(size);
  for (let n = 0; n < ROUNDS_BEFORE; n++) centre.round(n < ROUNDS_BEFORE / 2 ? 0 : ENDS);
  const rounds = Array.from({ length: ROUNDS }, () => {
    const round = centre.round(ENDS);
    return { ...round, floorMs: bareMs(workOf(centre, round.plan, size.agents)) };
  });
  const of = (pick: (round: (typeof rounds)[number]) => number): number => median(rounds.map(pick));
  const told = {
    shapes: centre.queue.shapes,
    live: centre.live,
    launches: of(({ plan }) => plan.launches.length),
    planMs: of(({ planMs }) => planMs),
    fastestMs: Math.min(...rounds.map(({ planMs }) => planMs)),
    slowestMs: Math.max(...rounds.map(({ planMs }) => planMs)),
    processorMs: of(({ planCpuMs }) => planCpuMs),
    withBooksMs: of(({ allMs }) => allMs),
  };
  tell(`cycle-1m, ${what}`, told);
  return { planMs: told.planMs, floorMs: of(({ floorMs }) => floorMs) };
}

/** A million waiting, 1,000 agents that are full but for what 300 jobs left a moment ago. */
export function cycle1m(): Figure {
  steady('nothing bounded', { ...MILLION, isBounded: false });
  steady('any account, any shape', { ...DIVERSE, isBounded: true });
  const { planMs, floorMs } = steady('limits, quotas, queues, reservations', {
    ...MILLION,
    isBounded: true,
  });
  return duration('cycle-1m', planMs, floorMs);
}

const MATCH_ROUNDS = 5;

/** 100,000 waiting against 5,000 idle agents, placed in one plan until nothing fits. */
export function match100k(): Figure {
  const measure = (isBounded: boolean): Measured => {
    const size = { ...USUAL, jobs: 100_000, agents: 5_000, isBounded };
    const centre = new Centre(size);
    const offers = centre.offers();
    const rounds = Array.from({ length: MATCH_ROUNDS }, () => {
      const input = centre.input(offers, size.jobs);
      const cpu = process.cpuUsage();
      const before = performance.now();
      const plan = planCycle(input);
      const planMs = performance.now() - before;
      const { user, system } = process.cpuUsage(cpu);
      const floorMs = bareMs(workOf(centre, plan, size.agents));
      return { plan, planMs, floorMs, processorMs: (user + system) / 1_000 };
    });
    const planMs = median(rounds.map((round) => round.planMs));
    tell(`match-100k, ${isBounded ? 'everything bounded' : 'nothing bounded'}`, {
      launches: rounds[0]?.plan.launches.length ?? 0,
      firstMs: rounds[0]?.planMs ?? 0,
      planMs,
      processorMs: median(rounds.map(({ processorMs }) => processorMs)),
    });
    return { planMs, floorMs: median(rounds.map(({ floorMs }) => floorMs)) };
  };
  measure(false);
  const { planMs, floorMs } = measure(true);
  return duration('match-100k', planMs, floorMs);
}

function tell(what: string, figures: Readonly<Record<string, number>>): void {
  const told = Object.entries(figures).map(([name, value]) => `${name} ${Math.round(value)}`);
  console.error(`${what}: ${told.join(', ')}`);
}
