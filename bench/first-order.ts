/**
 * In a process of its own, since it is measured cold: fills a queue, plans the first cycle, and then gives every job its place
 * in the order of the policy. Prints one line of JSON.
 */
import { planCycle } from '../src/core/cycle.js';
import { Heap } from '../src/core/heap.js';
import type { CycleInput } from '../src/core/plan.js';
import { lineUp, scoreOf } from '../src/core/walk.js';
import { Centre } from './centre.js';
import { USUAL } from './workload.js';

const JOBS = Number(process.argv[2] ?? 1_000_000);
const AGENTS = 1_000;

const centre = new Centre({ ...USUAL, jobs: JOBS, agents: AGENTS, isBounded: true });
const input = centre.input(centre.offers());
const [plan, first] = timed(() => planCycle(input));
const [count, whole] = timed(() => order(input));
if (count !== JOBS) throw new Error(`${count} of ${JOBS} jobs have a place`);
const launches = plan.launches.length;
const [, floor] = timed(() => bare(JOBS, launches));
console.log(
  JSON.stringify({
    launches,
    planMs: first.tookMs,
    planProcessorMs: first.processorMs,
    orderMs: whole.tookMs,
    orderProcessorMs: whole.processorMs,
    floorMs: floor.tookMs,
  }),
);

function timed<T>(work: () => T): [T, { readonly tookMs: number; readonly processorMs: number }] {
  const cpu = process.cpuUsage();
  const before = performance.now();
  const result = work();
  const tookMs = performance.now() - before;
  const { user, system } = process.cpuUsage(cpu);
  return [result, { tookMs, processorMs: (user + system) / 1_000 }];
}

/** As if there were room for all: each job that has its turn is charged to its account. */
function order(input: CycleInput): number {
  const { order, ranking } = lineUp(input);
  let count = 0;
  for (let walk = order.peek(); walk !== undefined; walk = order.peek()) {
    count++;
    ranking.charged(walk.index, walk.line.shape.needs);
    walk.passTo(walk.head.id);
    if (walk.isOver) order.pop();
    else {
      walk.score = scoreOf(ranking, walk);
      order.settleTop();
    }
  }
  return count;
}

/** A plain heap of all jobs is made, and as many popped. */
function bare(jobs: number, pops: number): void {
  const scores = Array.from({ length: jobs }, (_, n) => (n * 7_919) % jobs);
  const heap = new Heap<number>((a, b) => a < b, scores);
  for (let n = 0; n < pops; n++) heap.pop();
}
