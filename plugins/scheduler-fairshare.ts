// Orders the queue by GoDocker's fair share: who has used least, and is due most, goes first.
import { definePlugin, type OptionReader } from '../src/contracts/plugin.js';
import { fairshare, FAIRSHARE_WEIGHTS as USUAL } from '../src/core/fairshare.js';

export default definePlugin({
  kind: 'scheduler',
  name: 'fairshare',
  options: (raw) => ({
    weights: {
      waiting: weight(raw, 'waiting_time_weight', USUAL.waiting),
      userTime: weight(raw, 'user_time_weight', USUAL.userTime),
      userCpu: weight(raw, 'user_cpu_weight', USUAL.userCpu),
      userRam: weight(raw, 'user_ram_weight', USUAL.userRam),
      userGpu: weight(raw, 'user_gpu_weight', USUAL.userGpu),
      projectTime: weight(raw, 'group_time_weight', USUAL.projectTime),
      projectCpu: weight(raw, 'group_cpu_weight', USUAL.projectCpu),
      projectRam: weight(raw, 'group_ram_weight', USUAL.projectRam),
      projectGpu: weight(raw, 'group_gpu_weight', USUAL.projectGpu),
      user: weight(raw, 'user_weight', USUAL.user),
      project: weight(raw, 'group_weight', USUAL.project),
    },
  }),
  create: (options) => fairshare(options),
});

const weight = (raw: OptionReader, key: string, usual: number): number =>
  raw.number(key, usual, { min: 0 });
