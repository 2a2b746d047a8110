// One client with a pool, every call of it bounded in time.
import { MongoClient } from 'mongodb';
import {
  MONGO_ANSWER_MS_MAX,
  MONGO_CONNECT_MS_MAX,
  MONGO_CONNECTIONS_MAX,
} from '../../contracts/limits.js';
import { troubleOf } from './trouble.js';

/** Lost members are noticed, and a new primary found, within about this time. */
const LOOK_AT_MEMBERS_EACH_MS = 2_000;

/**
 * Connects. Writes are acknowledged by a majority, from their journals, and never repeated by the driver: what has no answer is in
 * doubt, and whoever asked reads again (a repeat could land after another leader has begun). Reads go to the primary.
 * @throws ServiceError store-unavailable
 */
export async function connect(url: string): Promise<MongoClient> {
  const client = new MongoClient(url, {
    appName: 'godocker',
    ignoreUndefined: true,
    retryWrites: false,
    readPreference: 'primary',
    writeConcern: { w: 'majority', journal: true, wtimeoutMS: MONGO_ANSWER_MS_MAX },
    maxPoolSize: MONGO_CONNECTIONS_MAX,
    connectTimeoutMS: MONGO_CONNECT_MS_MAX,
    serverSelectionTimeoutMS: MONGO_CONNECT_MS_MAX,
    waitQueueTimeoutMS: MONGO_ANSWER_MS_MAX,
    socketTimeoutMS: MONGO_ANSWER_MS_MAX,
    heartbeatFrequencyMS: LOOK_AT_MEMBERS_EACH_MS,
  });
  try {
    return await client.connect();
  } catch (error) {
    await client.close();
    throw troubleOf(error);
  }
}
