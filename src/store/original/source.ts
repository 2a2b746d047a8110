// Where the data of an original GoDocker come from: its MongoDB, or what `mongoexport` made of it.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BSON } from 'mongodb';
import { ImportRefused } from '../../contracts/backup.js';
import { linesIn } from '../backup/read.js';
import { connect } from '../mongo/connection.js';
import { troubleOf } from '../mongo/trouble.js';
import type { Found } from './fields.js';

/** Collections of the original that have anything for us; `jobs`: pending and running ones, `jobsover`: all others. */
export const COLLECTIONS = ['users', 'projects', 'jobs', 'jobsover'] as const;
export type OriginalCollection = (typeof COLLECTIONS)[number];

export interface OriginalSource {
  /** In whatever order. Never changed. */
  documents(collection: OriginalCollection): AsyncIterable<Found>;
  close(): Promise<void>;
}

/** The database that the original uses unless it is configured otherwise. */
const USUAL_DATABASE = 'god';

/**
 * @param place `mongodb://…/god`, or a folder with `users.json` (or `.jsonl`), and likewise the other collections, as `mongoexport` writes them
 * @throws ServiceError store-unavailable; ImportRefused damaged: there is nothing of an original
 */
export async function openOriginal(place: string): Promise<OriginalSource> {
  if (!/^mongodb(\+srv)?:/.test(place)) return openDump(place);
  const client = await connect(place);
  const named = new URL(place.replace(/^mongodb(\+srv)?:\/\/[^/?]*/, 'http://original')).pathname;
  const database = client.db(decodeURIComponent(named.slice(1)) || USUAL_DATABASE);
  try {
    const ours = await database.collection('service').findOne({ product: 'godocker' });
    const first = await database.collection('users').findOne({});
    if (ours !== null || first === null || typeof first.id !== 'string') {
      const what = `database "${database.databaseName}" is not that of an original GoDocker`;
      throw new ImportRefused('damaged', what);
    }
  } catch (error) {
    await client.close();
    throw troubleOf(error);
  }
  return {
    async *documents(collection) {
      try {
        yield* database.collection(collection).find().sort({ _id: 1 });
      } catch (error) {
        throw troubleOf(error);
      }
    },
    close: () => client.close(),
  };
}

function openDump(folder: string): OriginalSource {
  const fileOf = (collection: OriginalCollection) =>
    ['json', 'jsonl'].map((end) => join(folder, `${collection}.${end}`)).find(existsSync);
  if (fileOf('users') === undefined)
    throw new ImportRefused(
      'damaged',
      `${folder} has no users.json: make one with mongoexport --db god --collection users --out users.json, and likewise ${COLLECTIONS.slice(1).join(', ')}`,
    );
  return {
    async *documents(collection) {
      const file = fileOf(collection);
      if (file !== undefined) yield* documentsIn(file);
    },
    close: async () => {},
  };
}

async function* documentsIn(file: string): AsyncGenerator<Found> {
  let number = 0;
  for await (const bytes of linesIn(file)) {
    number++;
    const text = bytes.toString('utf8').trim();
    if (text === '') continue;
    if (text.startsWith('['))
      throw new ImportRefused('damaged', `${file}: is one list; export without --jsonArray`);
    let document: unknown;
    try {
      document = BSON.EJSON.parse(text, { relaxed: true });
    } catch (cause) {
      throw new ImportRefused('damaged', `${file}, line ${number}: it is no JSON`, { cause });
    }
    if (typeof document !== 'object' || document === null)
      throw new ImportRefused('damaged', `${file}, line ${number}: it is no object`);
    yield document as Found;
  }
}

/**
 * Keys and values of the original's Redis, as lines `key value`; others than ours are passed over.
 * @throws ImportRefused damaged
 */
export async function countersIn(file: string): Promise<ReadonlyMap<string, string>> {
  const counters = new Map<string, string>();
  for (const [at, line] of (await readFile(file, 'utf8')).split('\n').entries()) {
    if (line.trim() === '') continue;
    const [, key, value] = /^(\S+)[ \t]+(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined || value === undefined)
      throw new ImportRefused('damaged', `${file}, line ${at + 1}: it is no "key value"`);
    counters.set(key, value);
  }
  return counters;
}
