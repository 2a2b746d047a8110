// What may go wrong between users, schedulers and masters, done to real processes: kill -9, SIGSTOP, cut connections. The judge
// is the master's own launch log; one table at the end tells how often each fault was tried and what it cost.
import t, { type Test } from 'tap';
import { agentAway, agentGone, agentReboots, poison } from './agents.js';
import { restoredBackup } from './backup.js';
import { badImages } from './bad-images.js';
import { clockJumps } from './clock.js';
import {
  acceptLost,
  masterFailover,
  offerRescinded,
  silentPartition,
  updatesAgain,
} from './connection.js';
import { afterAccept, beforeAccept } from './crash-points.js';
import { table } from './judge.js';
import { killsAtEachState } from './kills.js';
import { badPlugins } from './plugins.js';
import { burst, pausedLeader, rollingRestart } from './processes.js';
import { anotherMaster } from './two-masters.js';

t.setTimeout(590_000);

/** Most of each is waiting for leases and timers, so they go side by side. */
const SIDE_BY_SIDE = 4;

const FAULTS: readonly (readonly [string, (t: Test) => Promise<void>])[] = [
  ['F1: kill -9 after the intent, before ACCEPT', beforeAccept],
  ['F2: kill -9 after ACCEPT, before the first update', afterAccept],
  ['F3: kill -9 in a burst of submissions and ends', burst],
  ['F4: a paused leader wakes up', pausedLeader],
  ['F5: the master dies and comes back, or another leads', masterFailover],
  ['F5b: another of two masters leads, as ZooKeeper says', anotherMaster],
  ['F6: silence between scheduler and master', silentPartition],
  ['F7: updates repeated, late and out of order', updatesAgain],
  ['F8: an ACCEPT is lost', acceptLost],
  ['F9: an offer is rescinded before its ACCEPT arrives', offerRescinded],
  ['F10: an agent is unreachable and comes back', agentAway],
  ['F11: an agent is gone for good', agentGone],
  ['F11b: an agent reboots', agentReboots],
  ['F12: kills at each state', killsAtEachState],
  ['F17: poison jobs', poison],
  ['F17b: images that cannot be had', badImages],
  ['F18: the clock jumps', clockJumps],
  ['F19: plugins that throw', badPlugins],
  ['F20: rolling restart', rollingRestart],
  ['B1: a backup of the record is restored', restoredBackup],
];

/** The slow ones begin, so that none is left alone at the end. */
const SLOW = ['F5b', 'F20', 'B1', 'F4', 'F3', 'F12', 'F2', 'F5', 'F8'];
const slownessOf = (name: string): number => {
  const at = SLOW.indexOf(name.split(':')[0] ?? '');
  return at === -1 ? 0 : SLOW.length - at;
};

t.jobs = SIDE_BY_SIDE;
const wanted = process.env.FAULT;
const trials = FAULTS.filter(([name]) => wanted === undefined || name.startsWith(`${wanted}:`));
await Promise.all(
  [...trials]
    .sort(([a], [b]) => slownessOf(b) - slownessOf(a))
    .map(([name, trial]) => t.test(name, { buffered: true, timeout: 580_000 }, trial)),
);
for (const { text, isClean } of table()) t.ok(isClean, text);
