import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { openMongoStore } from '../../src/store/mongo/store.js';
import { mongoMissing, startMongo, temporaryDatabase } from '../support/mongo.js';
import { storeContract } from './store.js';

const missing = mongoMissing();
if (missing !== undefined) t.plan(0, `MongoDB: ${missing}`);
else {
  const server = await startMongo(t);
  t.comment(`against ${server.what}`);
  storeContract('mongo', async (t) => {
    const { url } = server;
    const database = temporaryDatabase(t, url);
    const another = async () => {
      const store = await openMongoStore({ url, database, log: SILENT });
      t.teardown(() => store.close());
      return store;
    };
    return { store: await another(), another };
  });
}
