// What may go wrong with masters, agents and the way to them, done to real processes: cut and silent connections, lost calls,
// agents that leave. The judge is the master's own launch log.
import { agentAway, agentGone, agentReboots, poison } from './agents.js';
import {
  acceptLost,
  masterFailover,
  offerRescinded,
  silentPartition,
  updatesAgain,
} from './connection.js';
import { play } from './play.js';

await play([
  ['F5: the master dies and comes back, or another leads', masterFailover],
  ['F8: an ACCEPT is lost', acceptLost],
  ['F6: silence between scheduler and master', silentPartition],
  ['F7: updates repeated, late and out of order', updatesAgain],
  ['F9: an offer is rescinded before its ACCEPT arrives', offerRescinded],
  ['F10: an agent is unreachable and comes back', agentAway],
  ['F11: an agent is gone for good', agentGone],
  ['F11b: an agent reboots', agentReboots],
  ['F17: poison jobs', poison],
]);
