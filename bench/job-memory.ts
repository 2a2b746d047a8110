/** In a process of its own, with `--expose-gc`: what waiting jobs take of memory. Prints one line of JSON. */
import { PendingQueue } from '../src/core/queue.js';
import { jobId } from '../src/core/units.js';
import { USUAL, Workload } from './workload.js';

const JOBS = Number(process.argv[2] ?? 1_000_000);

function usedBytes(): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run with --expose-gc');
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const workload = new Workload(USUAL);
const empty = usedBytes();
const queue = new PendingQueue();
for (let n = 1; n <= JOBS; n++) queue.add(workload.row(jobId(n), JOBS));
const bytes = (usedBytes() - empty) / JOBS;
// Half of them leave, as many come: what is left behind counts too.
for (let n = 1; n <= JOBS; n += 2) queue.remove(jobId(n));
for (let n = JOBS + 1; n <= 1.5 * JOBS; n++) queue.add(workload.row(jobId(n), JOBS));
const laterBytes = (usedBytes() - empty) / queue.size;
const ids = Float64Array.from({ length: queue.size }, (_, n) => n);
console.log(
  JSON.stringify({ bytes, laterBytes, floorBytes: ids.byteLength / ids.length, jobs: queue.size }),
);
