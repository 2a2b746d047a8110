// Exports nothing by default.
export const plugin = { kind: 'watcher', name: 'no-default' };
