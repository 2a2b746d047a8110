// The version of what the database holds, and how an older one becomes a newer one. Forward only.

import { systemNote } from '../../contracts/audit.js';
import { instant } from '../../core/units.js';
import { appendAudit } from './audit-book.js';
import type { Collections, JobDocument } from './documents.js';
import { ensureIndexes } from './indexes.js';
import { isRepeat, troubleOf, unavailable } from './trouble.js';

/**
 * Makes version n + 1 of version n. May be interrupted anywhere and run again, and run by several processes at once; so each
 * looks for what is left to do, and does it record by record.
 */
export type Migration = (collections: Collections) => Promise<void>;

/** Never edited once released: add one. */
export const MIGRATIONS: readonly Migration[] = [makeServiceDocuments, nameJobs, tagPastJobs];

/** The small documents that updates expect to find. */
async function makeServiceDocuments({ counters, pulse, admissions }: Collections): Promise<void> {
  await unlessThere(() => counters.insertOne({ _id: 'jobs', last: 0 }));
  await unlessThere(() => pulse.insertOne({ _id: 'pulse', beats: 0 }));
  await unlessThere(() =>
    admissions.insertOne({ _id: 'admissions', version: 0, committed: [], aborted: [] }),
  );
}

/** Jobs that are not over get their name as a field: those of one name may take turns. Members have none. */
async function nameJobs({ jobs }: Collections): Promise<void> {
  const unnamed = { name: { $exists: false }, parent: null, state: { $ne: 'over' as const } };
  for (;;) {
    const some = await jobs
      .find(unnamed)
      .project<{ readonly _id: number; readonly asked?: string }>({ asked: 1 })
      .limit(NAMED_AT_ONCE)
      .toArray();
    if (some.length === 0) return;
    await jobs.bulkWrite(
      some.map(({ _id, asked }) => ({
        updateOne: { filter: { _id }, update: { $set: { name: nameIn(asked) } } },
      })),
      { ordered: false },
    );
  }
}

/** Jobs that are over get their tags as a field, members those of their array; repeatable. */
export async function tagPastJobs({ jobs }: Collections): Promise<void> {
  for (let after = 0; ; ) {
    const some = await jobs
      .find({ _id: { $gt: after }, state: 'over' })
      .project<Pick<JobDocument, '_id' | 'asked' | 'parent'>>({ asked: 1, parent: 1 })
      .sort({ _id: 1 })
      .limit(NAMED_AT_ONCE)
      .toArray();
    const last = some.at(-1);
    if (last === undefined) return;
    const parents = [...new Set(some.flatMap(({ parent }) => parent ?? []))];
    const arrays = await jobs
      .find({ _id: { $in: parents } })
      .project<Pick<JobDocument, '_id' | 'asked'>>({ asked: 1 })
      .toArray();
    const ofArray = new Map(arrays.map(({ _id, asked }) => [_id, asked]));
    const writes = some.flatMap(({ _id, asked, parent }) => {
      const tags = tagsIn(asked ?? ofArray.get(parent ?? 0));
      return tags.length === 0
        ? []
        : [{ updateOne: { filter: { _id }, update: { $set: { tags } } } }];
    });
    if (writes.length > 0) await jobs.bulkWrite(writes, { ordered: false });
    after = last._id;
  }
}

/** A record that cannot be read has none. */
function tagsIn(asked: string | undefined): readonly string[] {
  try {
    const { spec } = JSON.parse(asked ?? '') as { readonly spec: { readonly tags: unknown } };
    const tags: readonly unknown[] = Array.isArray(spec.tags) ? spec.tags : [];
    return [...new Set(tags.filter((tag) => typeof tag === 'string'))];
  } catch {
    return [];
  }
}

const NAMED_AT_ONCE = 500;

/** A record that cannot be read has none. */
function nameIn(asked: string | undefined): string {
  try {
    return (JSON.parse(asked ?? '') as { readonly spec: { readonly name: string } }).spec.name;
  } catch {
    return '';
  }
}

async function unlessThere(insert: () => Promise<unknown>): Promise<void> {
  try {
    await insert();
  } catch (error) {
    if (!isRepeat(error)) throw error;
  }
}

/**
 * Brings the database to the newest version and makes its indexes. Refuses one that is newer, or another program's, and then has
 * written nothing.
 * @throws ServiceError store-unavailable: `newer-schema`, `not-a-store`, or what else ails the server
 */
export async function migrate(
  collections: Collections,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  try {
    const from = await versionOf(collections, migrations.length);
    let isOurs = false;
    for (let version = from; version < migrations.length; version++) {
      await migrations[version]?.(collections);
      isOurs = await reached(collections, version + 1);
    }
    await ensureIndexes(collections);
    // Whoever made the last step tells. Of a database that is new there is nothing to tell.
    if (from > 0 && isOurs) await appendAudit(collections, [migrated(from, migrations.length)]);
  } catch (error) {
    throw troubleOf(error);
  }
}

const migrated = (from: number, to: number) =>
  systemNote({
    at: instant(Date.now()),
    act: 'schema.migrated',
    subject: { kind: 'store', id: 'mongo' },
    facts: { from, to },
  });

/** What an import has begun must be whole before anybody serves it. @throws ServiceError store-unavailable `unfinished-import` */
export async function requireFinished({ database, imports }: Collections): Promise<void> {
  if ((await imports.findOne({ _id: 'import' })) === null) return;
  throw unavailable(
    'unfinished-import',
    `an import into database "${database.databaseName}" has not ended; if none is running, begin it again with godocker admin import`,
  );
}

/** Null: this version knows the schema. */
export async function newerSchema({
  schema,
}: Collections): Promise<{ readonly schema: number; readonly known: number } | null> {
  const version = (await schema.findOne({ _id: 'schema' }))?.version ?? 0;
  return version > MIGRATIONS.length ? { schema: version, known: MIGRATIONS.length } : null;
}

/** For a process that runs, while others may have brought the database over. @throws ServiceError store-unavailable `newer-schema` */
export async function requireKnown(collections: Collections): Promise<void> {
  if ((await newerSchema(collections)) !== null) await versionOf(collections, MIGRATIONS.length);
}

/** For reading without changing anything. @throws ServiceError store-unavailable */
export async function requireCurrent(collections: Collections): Promise<void> {
  const version = await versionOf(collections, MIGRATIONS.length);
  await requireFinished(collections);
  if (version === MIGRATIONS.length) return;
  const { databaseName } = collections.database;
  throw unavailable(
    'not-a-store',
    version === 0
      ? `there is no store in database "${databaseName}"`
      : `database "${databaseName}" has schema ${version} and this GoDocker writes ${MIGRATIONS.length}; start the service once, it brings it over`,
  );
}

async function versionOf(collections: Collections, known: number): Promise<number> {
  const { database, schema } = collections;
  let found = await schema.findOne({ _id: 'schema' });
  if (found === null) {
    const foreign = await foreignIn(collections);
    // Another process of ours may have been faster.
    found = await schema.findOne({ _id: 'schema' });
    if (found === null && foreign !== undefined)
      throw unavailable(
        'not-a-store',
        `database "${database.databaseName}" has a collection "${foreign}" of another program; give GoDocker a database of its own with mongo.database`,
      );
    if (found === null) return 0;
  }
  if (found.product !== 'godocker' || !Number.isSafeInteger(found.version))
    throw unavailable('not-a-store', `database "${database.databaseName}" is another program's`);
  if (found.version > known)
    throw unavailable(
      'newer-schema',
      `database "${database.databaseName}" has schema ${found.version}, made by a newer GoDocker; this one knows ${known}`,
    );
  return found.version;
}

/** Something under our names in a database without our mark: it might be that of the original. */
async function foreignIn({ database }: Collections): Promise<string | undefined> {
  for (const name of ['jobs', 'used_days', 'users', 'projects', 'settings']) {
    const some = await database.collection(name).findOne({}, { projection: { _id: 1 } });
    if (some !== null) return name;
  }
  return undefined;
}

/** Others may be as far, or further: whether it was us who got there. */
async function reached({ schema }: Collections, version: number): Promise<boolean> {
  await unlessThere(() => schema.insertOne({ _id: 'schema', product: 'godocker', version: 0 }));
  const filter = { _id: 'schema', version: { $lt: version } } as const;
  const { modifiedCount } = await schema.updateOne(filter, { $set: { version } });
  return modifiedCount > 0;
}
