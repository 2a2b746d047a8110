/**
 * In a process of its own, since everything is measured cold: fills a queue, then gives every job its place in the order
 * of the policy, then plans its first cycle. Prints one line of JSON.
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
const before = performance.now();
const plan = planCycle(input);
const planned = performance.now();
const count = order(input);
const orderMs = performance.now() - planned;
if (count !== JOBS) throw new Error(`${count} of ${JOBS} jobs have a place`);
const launches = plan.launches.length;
console.log(JSON.stringify({ planMs: planned - before, orderMs, launches, floorMs: bare(JOBS) }));

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

/** As many pops off a plain heap of numbers. */
function bare(jobs: number): number {
  const scores = Array.from({ length: jobs }, (_, n) => (n * 7_919) % jobs);
  const began = performance.now();
  const heap = new Heap<number>((a, b) => a < b, scores);
  while (heap.size > 0) heap.pop();
  return performance.now() - began;
}
