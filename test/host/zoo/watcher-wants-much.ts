// Has options that can be wrong.
import { definePlugin } from '../../../src/contracts/plugin.js';

export default definePlugin({
  kind: 'watcher',
  name: 'wants-much',
  options: (raw) => ({
    max: raw.integer('max', 1, { min: 1 }),
    mode: raw.choice('mode', ['soft', 'hard'], 'soft'),
    names: raw.words('names', []),
  }),
  create: () => ({ whileRunning: () => ({ verdict: 'keep' }) }),
});
