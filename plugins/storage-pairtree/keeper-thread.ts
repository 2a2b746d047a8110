// A thread that measures and removes job directories, one after the other, and leaves room for others meanwhile.
import { parentPort } from 'node:worker_threads';
import { assert } from '../../src/core/assert.js';
import type { KeeperAnswer, KeeperAnswers, KeeperOrder, KeeperPortion } from './keeper.js';
import { measured, removeDirectory } from './walk.js';

/** After so much work it rests as long: the disks are the jobs', half a core at most is ours. */
const WORK_MS = 10;

assert(parentPort !== null, 'this file is the entry of a thread');
const port = parentPort;
const never = new Int32Array(new SharedArrayBuffer(4));
let sinceMs = performance.now();

function pause(): void {
  if (performance.now() - sinceMs < WORK_MS) return;
  Atomics.wait(never, 0, 0, WORK_MS);
  sinceMs = performance.now();
}

port.on('message', (portion: KeeperPortion) => {
  sinceMs = performance.now();
  const answers = portion.map((order) => {
    pause();
    return answerTo(order);
  });
  port.postMessage(answers satisfies KeeperAnswers);
});

function answerTo(order: KeeperOrder): KeeperAnswer {
  const { ticket, directory } = order;
  try {
    if (order.kind === 'measure')
      return { ticket, measured: measured(directory, order.entriesMax, pause) };
    removeDirectory(directory);
    return { ticket, measured: null };
  } catch (error) {
    return { ticket, because: (error as Error).message };
  }
}
