// What may go wrong with our own processes, and with what users ask of them, done to real ones: kill -9, SIGSTOP, restarts, a
// clock that jumps. The judge is the master's own launch log.
import { restoredBackup } from './backup.js';
import { clockJumps } from './clock.js';
import { afterAccept, beforeAccept } from './crash-points.js';
import { killsAtEachState } from './kills.js';
import { play } from './play.js';
import { badPlugins } from './plugins.js';
import { burst, pausedLeader, rollingRestart } from './processes.js';

await play([
  ['F20: rolling restart', rollingRestart],
  ['B1: a backup of the record is restored', restoredBackup],
  ['F4: a paused leader wakes up', pausedLeader],
  ['F3: kill -9 in a burst of submissions and ends', burst],
  ['F12: kills at each state', killsAtEachState],
  ['F2: kill -9 after ACCEPT, before the first update', afterAccept],
  ['F1: kill -9 after the intent, before ACCEPT', beforeAccept],
  ['F18: the clock jumps', clockJumps],
  ['F19: plugins that throw', badPlugins],
]);
