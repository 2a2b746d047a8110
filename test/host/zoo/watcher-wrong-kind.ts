// Says it is another kind than its file.
export default { kind: 'wacher', name: 'wrong-kind', options: () => ({}), create: () => ({}) };
