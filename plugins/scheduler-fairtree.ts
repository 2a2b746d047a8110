// Orders the queue by shares in a tree: projects first, then the users inside the project.
import { definePlugin } from '../src/contracts/plugin.js';
import { fairtree } from '../src/core/fairtree.js';
import { RESOURCE_WEIGHTS } from '../src/core/measure.js';

export default definePlugin({
  kind: 'scheduler',
  name: 'fairtree',
  options: (raw) => {
    const kind = raw.choice('measure', ['dominant', 'weights'], 'dominant');
    const weights = {
      cpu: raw.number('cpu_weight', RESOURCE_WEIGHTS.cpu, { min: 0 }),
      memory: raw.number('memory_weight', RESOURCE_WEIGHTS.memory, { min: 0 }),
      gpu: raw.number('gpu_weight', RESOURCE_WEIGHTS.gpu, { min: 0 }),
    };
    return { measure: kind === 'weights' ? { kind, weights } : { kind } };
  },
  create: (options) => fairtree(options),
});
