// A plugin as it should be.
import { definePlugin } from '../../../src/contracts/plugin.js';

export default definePlugin({
  kind: 'watcher',
  name: 'good',
  options: (raw) => ({ lifespanMsMax: raw.duration('max', 7 * 86_400_000) }),
  create: ({ lifespanMsMax }, host) => ({
    whileRunning: (job) =>
      host.clock.now() - job.startedAt > lifespanMsMax
        ? { verdict: 'kill', because: 'it ran too long' }
        : { verdict: 'keep' },
  }),
});
