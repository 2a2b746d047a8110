// What may go wrong between users, schedulers and masters, done to real processes: kill -9, SIGSTOP, cut connections. The judge
// is the master's own launch log; one table at the end tells how often each fault was tried and what it cost.
import t, { type Test } from 'tap';
import { afterAccept, beforeAccept } from './crash-points.js';
import { table } from './judge.js';

t.setTimeout(590_000);

/** Most of each is waiting for leases and timers, so they go side by side. */
const SIDE_BY_SIDE = 4;

const FAULTS: readonly (readonly [string, (t: Test) => Promise<void>])[] = [
  ['F1: kill -9 after the intent, before ACCEPT', beforeAccept],
  ['F2: kill -9 after ACCEPT, before the first update', afterAccept],
];

t.jobs = SIDE_BY_SIDE;
const wanted = process.env.FAULT;
const trials = FAULTS.filter(([name]) => wanted === undefined || name.startsWith(`${wanted}:`));
await Promise.all(
  trials.map(([name, trial]) => t.test(name, { buffered: true, timeout: 580_000 }, trial)),
);
for (const line of table().split('\n')) t.comment(line);
