// Cannot be made.
export default { kind: 'watcher', name: 'no-create', options: () => ({}) };
