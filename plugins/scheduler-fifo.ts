// Orders the queue by submission: first come, first served.
import { definePlugin } from '../src/contracts/plugin.js';
import { fifo } from '../src/core/policy.js';

export default definePlugin({
  kind: 'scheduler',
  name: 'fifo',
  options: () => ({}),
  create: () => fifo,
});
