// Ends jobs whose launch runs longer than they may. The cluster does so as well, some thirty seconds later, and says less.
import { definePlugin } from '../src/contracts/plugin.js';
import { durationText } from '../src/core/duration.js';

export default definePlugin({
  kind: 'watcher',
  name: 'maxlifespan',
  options: () => ({}),
  create: () => ({
    whileRunning: ({ spec, startedAt }, at) =>
      spec.lifespanMs !== null && at - startedAt > spec.lifespanMs
        ? { verdict: 'kill', because: `it ran longer than ${durationText(spec.lifespanMs)}` }
        : { verdict: 'keep' },
  }),
});
