// A thread that makes job directories, one after the other.
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../src/core/assert.js';
import type { Made, Portion } from './crew.js';
import { prepareDirectory } from './directory.js';

assert(parentPort !== null, 'this file is the entry of a thread');
const port = parentPort;
const { root } = workerData as { readonly root: string };

port.on('message', (portion: Portion) => {
  const beganMs = performance.now();
  const made = portion.map(([ticket, order]): Made['made'][number] => {
    try {
      return [ticket, { directory: prepareDirectory(root, order) }];
    } catch (error) {
      return [ticket, { because: (error as Error).message }];
    }
  });
  port.postMessage({ made, tookMs: performance.now() - beganMs } satisfies Made);
});
