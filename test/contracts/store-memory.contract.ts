import { MemoryRecord, MemoryStore } from '../support/memory-store.js';
import { storeContract } from './store.js';

storeContract('memory', async () => {
  const record = new MemoryRecord();
  return { store: new MemoryStore(record), another: async () => new MemoryStore(record) };
});
