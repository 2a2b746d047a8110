// Faults that only containers show: a master that another one follows with their tasks, images that cannot be had. The judge is
// the master's own launch log.
import { badImages } from './bad-images.js';
import { play } from './play.js';
import { anotherMaster } from './two-masters.js';

// Each has a Docker daemon of its own, and those must not meet.
await play(
  [
    ['F5b: another of two masters leads, as ZooKeeper says', anotherMaster],
    ['F17b: images that cannot be had', badImages],
  ],
  1,
);
