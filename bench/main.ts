// `npm run bench [-- NAME…]`: runs benchmarks and prints one JSON object a line. Everything else goes to stderr.
import { array1m } from './array.js';
import { cycle1m, match100k } from './cycle.js';
import { dispatch } from './dispatch.js';
import { estimate } from './estimate.js';
import { fairness } from './fairness.js';
import type { Figure } from './figure.js';
import { idleLatency } from './idle-latency.js';
import { list1m } from './list.js';
import { mongoSubmit, mongoSubmitWeb } from './mongo.js';
import { outlook1m } from './outlook.js';
import { recovery } from './recovery.js';
import { restart1m, restartDependants1m } from './restart.js';
import { firstOrder1m, memoryPerJob } from './scale.js';
import { storeAdvance, storePending, storeSubmit, storeSubmitBulk } from './store.js';
import { submit } from './submit.js';
import { wakeUp } from './wake-up.js';

const BENCHMARKS: Readonly<Record<string, () => Promise<Figure | Figure[]> | Figure | Figure[]>> = {
  submit,
  dispatch,
  'idle-latency': idleLatency,
  'array-1m': array1m,
  'cycle-1m': cycle1m,
  'first-order-1m': firstOrder1m,
  'match-100k': match100k,
  'memory-per-job': memoryPerJob,
  'list-1m': list1m,
  'restart-1m': restart1m,
  'restart-dependants-1m': restartDependants1m,
  recovery,
  fairness,
  'mongo-submit': mongoSubmit,
  'mongo-submit-web': mongoSubmitWeb,
  'outlook-1m': outlook1m,
  estimate,
  'wake-up': wakeUp,
  'store-submit': storeSubmit,
  'store-submit-bulk': storeSubmitBulk,
  'store-advance-1000': storeAdvance,
  'store-pending-100k': () => storePending(),
};

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !(name in BENCHMARKS));
  if (unknown.length > 0) {
    console.error(
      `no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}`,
    );
    return 2;
  }
  for (const name of names.length > 0 ? names : Object.keys(BENCHMARKS)) {
    console.error(`${name} …`);
    const figures = await BENCHMARKS[name]?.();
    for (const figure of [figures].flat()) console.log(JSON.stringify(figure));
  }
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
