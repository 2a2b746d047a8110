// A plugin too large for one file.
import { definePlugin } from '../../../../src/contracts/plugin.js';

export default definePlugin({
  kind: 'watcher',
  name: 'large',
  options: () => ({}),
  create: () => ({ whileRunning: () => ({ verdict: 'keep' }) }),
});
