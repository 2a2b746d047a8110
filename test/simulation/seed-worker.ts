/** A thread that plays the histories it is told to, one after the other. */
import { parentPort } from 'node:worker_threads';
import { summary } from './summary.js';
import { simulate } from './world.js';

parentPort?.on('message', (seed: number) => {
  void simulate({ seed }).then((history) => parentPort?.postMessage(summary(history)));
});
