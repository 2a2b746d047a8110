// Users, projects, settings: small documents by name.
import type { Collection } from 'mongodb';
import type { Log } from '../../contracts/log.js';
import type { Priorities, ProjectRecord, UserRecord } from '../../contracts/store.js';
import type { QuotaRecords } from '../../core/limit-book.js';
import { PRIO_USUAL } from '../../core/policy.js';
import { isUnlimited, type Quotas } from '../../core/quota.js';
import type { UserId } from '../../core/units.js';
import { prioritiesOf, projectOf, quotasOf, userOf } from '../embedded/account-rows.js';
import { wholeOr } from '../embedded/accounts.js';
import { UnreadableRecord } from '../embedded/rows.js';
import type { AccountDocument, Collections, SettingDocument } from './documents.js';
import { Gathering, type Settled } from './gathering.js';
import { unusual, withQuotas } from './questions.js';
import { isRepeat } from './trouble.js';

type Kind = 'users' | 'projects';
type Account = { readonly id: string; readonly prio: number; readonly quotas: Quotas };
const KINDS = [
  ['user', 'users'],
  ['project', 'projects'],
] as const;
const LOOKUPS = { groupsMax: 2, weightMax: 1_000 };
/** No name has a greater letter. */
const LAST_LETTER = '\u{10ffff}';

export class Accounts {
  readonly #collections: Collections;
  readonly #log: Log;
  /**
   * Each request to a web server asks for its user. Those that come while others are asked for share the next question, so none is answered
   * with what was read before it came.
   */
  readonly #lookups: Readonly<Record<Kind, Gathering<string, AccountDocument | undefined>>>;

  constructor(collections: Collections, log: Log) {
    this.#collections = collections;
    this.#log = log;
    this.#lookups = {
      users: new Gathering(LOOKUPS, (ids) => this.#find('users', ids)),
      projects: new Gathering(LOOKUPS, (ids) => this.#find('projects', ids)),
    };
  }

  user = (id: string): Promise<UserRecord | undefined> => this.#one('users', id, userOf);
  users = (): Promise<readonly UserRecord[]> => this.#all('users', userOf);
  project = (id: string): Promise<ProjectRecord | undefined> =>
    this.#one('projects', id, projectOf);
  projects = (): Promise<readonly ProjectRecord[]> => this.#all('projects', projectOf);

  async #one<Of>(
    kind: Kind,
    id: string,
    parse: (id: string, document: string) => Of,
  ): Promise<Of | undefined> {
    const found = await this.#lookups[kind].call(id, 1);
    return found === undefined ? undefined : wholeOr(() => parse(id, found.document));
  }

  async #find(
    kind: Kind,
    ids: readonly string[],
  ): Promise<readonly Settled<AccountDocument | undefined>[]> {
    const wanted = [...new Set(ids)];
    const found = await this.#collections[kind].find({ _id: { $in: wanted } }).toArray();
    const known = new Map(found.map((document) => [document._id, document]));
    return ids.map((id) => ({ answer: known.get(id) }));
  }

  async #all<Of>(kind: Kind, parse: (id: string, document: string) => Of): Promise<Of[]> {
    const found = await this.#collections[kind].find().sort({ _id: 1 }).toArray();
    return found.flatMap(({ _id, document }) => {
      try {
        return [parse(String(_id), document)];
      } catch (failure) {
        if (!(failure instanceof UnreadableRecord)) throw failure;
        const { id, cause } = failure;
        this.#log.error('record left out: it cannot be read', { id, cause });
        return [];
      }
    });
  }

  async put(kind: Kind, record: Account): Promise<void> {
    await replace(this.#collections[kind], documentOf(record));
  }

  /** See `UserStore.changeUser`. */
  async changeUser(
    id: UserId,
    change: (user: UserRecord | undefined) => UserRecord | undefined,
  ): Promise<UserRecord | undefined> {
    const { users } = this.#collections;
    for (;;) {
      const found = await users.findOne({ _id: id });
      const before = found === null ? undefined : wholeOr(() => userOf(id, found.document));
      const after = change(before);
      if (after === undefined) return before;
      const { _id, ...fields } = documentOf(after);
      if (found === null) {
        if (await isFirst(() => users.insertOne({ _id, ...fields }))) return after;
      } else {
        const former = { _id: id, document: found.document };
        const { matchedCount } = await users.updateOne(former, { $set: fields });
        if (matchedCount > 0) return after;
      }
    }
  }

  async delete(kind: Kind, id: string): Promise<boolean> {
    return (await this.#collections[kind].deleteOne({ _id: id })).deletedCount > 0;
  }

  async priorities(): Promise<Priorities> {
    const rows = await Promise.all(
      KINDS.map(async ([word, kind]) => {
        const found = await this.#collections[kind].find(unusual(kind).filter).toArray();
        return found.map(({ _id, prio }) => [word, _id, prio]);
      }),
    );
    return prioritiesOf(rows.flat());
  }

  /** Without resets: these are with the sums. */
  async quotas(): Promise<QuotaRecords> {
    const rows = await Promise.all(
      KINDS.map(async ([word, kind]) => {
        const found = await this.#collections[kind].find(withQuotas(kind).filter).toArray();
        return found.map(({ _id, quotas }) => [word, _id, quotas]);
      }),
    );
    return quotasOf(rows.flat());
  }

  async setting(name: string): Promise<string | undefined> {
    return (await this.#collections.settings.findOne({ _id: name }))?.value;
  }

  putSetting(name: string, value: string): Promise<void> {
    return replace(this.#collections.settings, { _id: name, value } satisfies SettingDocument);
  }

  /** The value that stands: ours, unless there was one. */
  async firstSetting(name: string, value: string): Promise<string> {
    try {
      await this.#collections.settings.insertOne({ _id: name, value });
      return value;
    } catch (error) {
      if (!isRepeat(error)) throw error;
    }
    return (await this.setting(name)) ?? this.firstSetting(name, value);
  }

  async settings(prefix: string): Promise<ReadonlyMap<string, string>> {
    const found = await this.#collections.settings
      .find({ _id: { $gte: prefix, $lte: prefix + LAST_LETTER } })
      .sort({ _id: 1 })
      .toArray();
    return new Map(found.map(({ _id, value }) => [_id, value]));
  }

  async dropSetting(name: string): Promise<void> {
    await this.#collections.settings.deleteOne({ _id: name });
  }
}

/** Of a user or a project, as it is kept. */
function documentOf(record: Account): AccountDocument {
  const { id, prio, quotas } = record;
  const hasQuotas = !isUnlimited(quotas);
  return {
    _id: id,
    document: JSON.stringify(record),
    prio,
    isUnusual: prio !== PRIO_USUAL,
    quotas: hasQuotas ? JSON.stringify(quotas) : null,
    hasQuotas,
  };
}

/** Whether nobody had made it before. */
async function isFirst(make: () => Promise<unknown>): Promise<boolean> {
  try {
    await make();
    return true;
  } catch (error) {
    if (isRepeat(error)) return false;
    throw error;
  }
}

/** Makes or replaces. Two that make it at the same time: the second finds it there, and replaces it. */
async function replace<Of extends { readonly _id: string }>(
  collection: Collection<Of>,
  document: Of,
): Promise<void> {
  const { _id, ...fields } = document;
  const put = () =>
    collection.updateOne({ _id } as never, { $set: fields } as never, { upsert: true });
  try {
    await put();
  } catch (error) {
    if (!isRepeat(error)) throw error;
    await put();
  }
}
