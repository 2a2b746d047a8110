/**
 * In a process of its own, since it is measured cold: fills a queue, plans the first cycle, and then gives every job its place
 * in the order of the policy. Arguments: how many jobs, the policy. Prints one line of JSON.
 */
import { PLACES_EXACT_MAX } from '../src/contracts/limits.js';
import { planCycle } from '../src/core/cycle.js';
import { drf } from '../src/core/drf.js';
import { fairshare } from '../src/core/fairshare.js';
import { fairtree } from '../src/core/fairtree.js';
import { Heap } from '../src/core/heap.js';
import type { CycleInput } from '../src/core/plan.js';
import { fifo, type Policy } from '../src/core/policy.js';
import { Survey } from '../src/core/survey.js';
import { Centre } from './centre.js';
import { USUAL } from './workload.js';

const JOBS = Number(process.argv[2] ?? 1_000_000);
const AGENTS = 1_000;

const POLICIES: readonly Policy[] = [fairshare(), fifo, fairtree(), drf];
const wanted = process.argv[3] ?? 'fairshare';
const policy = POLICIES.find(({ name }) => name === wanted);
if (policy === undefined) throw new Error(`no policy ${wanted}`);

const centre = new Centre({ ...USUAL, jobs: JOBS, agents: AGENTS, isBounded: true });
const input = { ...centre.input(centre.offers()), policy };
const [plan, first] = timed(() => planCycle(input));
const [count, whole] = timed(() => order(input));
if (count !== JOBS) throw new Error(`${count} of ${JOBS} jobs have a place`);
const launches = plan.launches.length;
const [, floor] = timed(() => bare(JOBS, launches));
const [, wholeFloor] = timed(() => bare(JOBS, JOBS));
console.log(
  JSON.stringify({
    launches,
    planMs: first.tookMs,
    planProcessorMs: first.processorMs,
    orderMs: whole.tookMs,
    orderProcessorMs: whole.processorMs,
    floorMs: floor.tookMs,
    orderFloorMs: wholeFloor.tookMs,
    orderFloorProcessorMs: wholeFloor.processorMs,
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

/** As the survey behind "position in line" does it, in one go. */
function order({ queue, policy, standings, at, priorityOf }: CycleInput): number {
  const survey = new Survey({
    queue,
    policy,
    at,
    exactMax: PLACES_EXACT_MAX,
    ...(standings === undefined ? {} : { standings }),
    ...(priorityOf === undefined ? {} : { priorityOf }),
  });
  survey.go(Number.POSITIVE_INFINITY);
  return survey.result().inLine;
}

/** A plain heap of all jobs is made, and as many popped. */
function bare(jobs: number, pops: number): void {
  const scores = Array.from({ length: jobs }, (_, n) => (n * 7_919) % jobs);
  const heap = new Heap<number>((a, b) => a < b, scores);
  for (let n = 0; n < pops; n++) heap.pop();
}
