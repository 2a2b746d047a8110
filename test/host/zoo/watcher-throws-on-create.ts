// Fails while it is made.
import { definePlugin } from '../../../src/contracts/plugin.js';

export default definePlugin({
  kind: 'watcher',
  name: 'throws-on-create',
  options: () => ({}),
  create: () => {
    throw new TypeError('directory is not there');
  },
});
