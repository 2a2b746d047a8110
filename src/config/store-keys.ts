/** Keys of the store: which one it is, and where MongoDB answers. */
import type { StoreConfig } from '../contracts/config.js';
import type { Reader } from '../contracts/reader.js';
import { optionalChoice, secret, text } from './keys.js';
import type { Values } from './schema.js';

export const STORE = {
  store: optionalChoice(
    ['embedded', 'mongo'],
    'Where the record is kept: a file in `home`, for one machine, or MongoDB, for several. Left out: `mongo` if an address of it is given, else `embedded`.',
  ),
  ...secret(
    'mongo.url',
    'none',
    'Address of MongoDB, as in `mongodb://host:27017,host:27017/?replicaSet=rs0`.',
  ),
  'mongo.database': text(
    'godocker',
    'Name of our database there. It must be ours alone: that of an original GoDocker is refused.',
  ),
};

/** What MongoDB allows in names of databases, on every system. */
const DATABASE_NAME = /^[^/\\. "$*<>:|?\0]{1,63}$/;
const URL_FORM = /^mongodb(\+srv)?:\/\/[^/]+/;

/** The store that the keys name. */
export function storeOf(values: Values): StoreConfig {
  const url = values['mongo.url'];
  const kind = values.store ?? (url === null ? 'embedded' : 'mongo');
  return kind === 'mongo' && url !== null
    ? { kind, url, database: values['mongo.database'] }
    : { kind: 'embedded' };
}

export function checkStore(values: Values, reader: Reader): void {
  const { 'mongo.url': url, 'mongo.url_file': file, 'mongo.database': database } = values;
  if (values.store === 'mongo' && url === null && file === null)
    reader.problem('mongo.url', undefined, 'the address of MongoDB, because of store: mongo');
  // An address may hold a password.
  if (url !== null && !URL_FORM.test(url))
    reader.problem(
      file === null ? 'mongo.url' : 'mongo.url_file',
      url.replace(/\/\/.*@/, '//…@').slice(0, 60),
      'an address as in mongodb://host:27017',
    );
  if (!DATABASE_NAME.test(database))
    reader.problem('mongo.database', database, 'up to 63 letters, digits, dashes and underscores');
}
