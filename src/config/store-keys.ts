/** Keys of the store: which one it is, and where MongoDB answers. */
import { readFileSync } from 'node:fs';
import type { StoreConfig } from '../contracts/config.js';
import type { Reader } from '../contracts/reader.js';
import { optional, optionalChoice, text } from './keys.js';
import type { Values } from './schema.js';

export const STORE = {
  store: optionalChoice(
    ['embedded', 'mongo'],
    'Where the record is kept: a file in `home`, for one machine, or MongoDB, for several. Left out: `mongo` if an address of it is given, else `embedded`.',
  ),
  'mongo.url': optional(
    'none',
    'Address of MongoDB, as in `mongodb://host:27017,host:27017/?replicaSet=rs0`.',
  ),
  'mongo.url_file': optional(
    'none',
    'A file that holds `mongo.url`, for addresses with a password.',
    'path',
  ),
  'mongo.database': text(
    'godocker',
    'Name of our database there. It must be ours alone: that of an original GoDocker is refused.',
  ),
};

/** What MongoDB allows in names of databases, on every system. */
const DATABASE_NAME = /^[^/\\. "$*<>:|?\0]{1,63}$/;
const URL_FORM = /^mongodb(\+srv)?:\/\/[^/]+/;

/** The store that the keys name; problems go into the reader. */
export function storeOf(values: Values, reader?: Reader): StoreConfig {
  const url = values['mongo.url'] ?? urlIn(values['mongo.url_file'], reader);
  const kind = values.store ?? (url === null ? 'embedded' : 'mongo');
  return kind === 'mongo' && url !== null
    ? { kind, url, database: values['mongo.database'] }
    : { kind: 'embedded' };
}

export function checkStore(values: Values, reader: Reader): void {
  const { 'mongo.url': url, 'mongo.url_file': file, 'mongo.database': database } = values;
  if (url !== null && file !== null)
    reader.problem('mongo.url_file', file, 'either mongo.url or mongo.url_file');
  if (values.store === 'mongo' && url === null && file === null)
    reader.problem('mongo.url', undefined, 'the address of MongoDB, because of store: mongo');
  const read = url ?? urlIn(file, reader);
  // An address may hold a password.
  if (read !== null && !URL_FORM.test(read))
    reader.problem(
      url === null ? 'mongo.url_file' : 'mongo.url',
      read.replace(/\/\/.*@/, '//…@').slice(0, 60),
      'an address as in mongodb://host:27017',
    );
  if (!DATABASE_NAME.test(database))
    reader.problem('mongo.database', database, 'up to 63 letters, digits, dashes and underscores');
}

function urlIn(file: string | null, reader: Reader | undefined): string | null {
  if (file === null) return null;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const found = (error as NodeJS.ErrnoException).code ?? String(error);
    reader?.problem('mongo.url_file', `${file}: ${found}`, 'a file that can be read');
    return null;
  }
}
