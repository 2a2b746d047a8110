// Orders the queue by what users hold now, without history: the least dominant share goes first.
import { definePlugin } from '../src/contracts/plugin.js';
import { drf } from '../src/core/drf.js';

export default definePlugin({
  kind: 'scheduler',
  name: 'drf',
  options: () => ({}),
  create: () => drf,
});
