/** The local node's public edge. */
export { localMesosCommand } from './command.js';
export { type LocalNode, type LocalNodeOptions, startLocalNode } from './node.js';
