// Says it has another name than its file.
export default { kind: 'watcher', name: 'good', options: () => ({}), create: () => ({}) };
