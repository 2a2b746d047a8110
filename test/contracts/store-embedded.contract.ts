import { join } from 'node:path';
import { SILENT } from '../../src/contracts/log.js';
import { openEmbeddedStore } from '../../src/store/embedded/store.js';
import { storeContract } from './store.js';

storeContract('embedded', async (t) => {
  const path = join(t.testdir({}), 'store.db');
  const another = async () => {
    const store = await openEmbeddedStore({ path, log: SILENT });
    t.teardown(() => store.close());
    return store;
  };
  return { store: await another(), another };
});
