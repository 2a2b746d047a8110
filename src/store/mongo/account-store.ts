// The part of the store about users, projects, settings, use and disks; and what every call of the store goes through.
import type { MongoClient } from 'mongodb';
import type { Log } from '../../contracts/log.js';
import type {
  ChangeFeed,
  DirectorySize,
  DiskStore,
  DiskUse,
  DueDirectory,
  JobStore,
  Priorities,
  ProjectRecord,
  ProjectStore,
  PurgeAnswer,
  QuotaOwner,
  UseQuery,
  UserRecord,
  UserStore,
} from '../../contracts/store.js';
import type { QuotaRecords } from '../../core/limit-book.js';
import type { Instant, JobId, ProjectId, UserId } from '../../core/units.js';
import type { DayUse } from '../../core/usage.js';
import { Accounts } from './accounts.js';
import { Disks } from './disk.js';
import type { Collections } from './documents.js';
import type { Pulse } from './pulse.js';
import { Purges } from './purges.js';
import { troubleOf, unavailable } from './trouble.js';
import { Uses } from './uses.js';

export interface MongoParts {
  readonly client: MongoClient;
  readonly collections: Collections;
  readonly pulse: Pulse;
  readonly log: Log;
}

type Settings = Pick<
  JobStore,
  'setting' | 'putSetting' | 'firstSetting' | 'settings' | 'dropSetting' | 'used' | 'close'
>;

export class MongoAccountStore implements UserStore, ProjectStore, DiskStore, ChangeFeed, Settings {
  protected readonly pulse: Pulse;
  readonly #client: MongoClient;
  readonly #accounts: Accounts;
  readonly #uses: Uses;
  readonly #disks: Disks;
  readonly #purges: Purges;
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor({ client, collections, pulse, log }: MongoParts) {
    this.pulse = pulse;
    this.#client = client;
    this.#accounts = new Accounts(collections, log);
    this.#uses = new Uses(collections);
    this.#disks = new Disks(collections);
    this.#purges = new Purges(collections, async () => {
      await this.#uses.foldAll();
      await this.#disks.foldAll();
    });
  }

  setting(name: string): Promise<string | undefined> {
    return this.do(() => this.#accounts.setting(name));
  }

  putSetting(name: string, value: string): Promise<void> {
    return this.write(() => this.#accounts.putSetting(name, value));
  }

  firstSetting(name: string, value: string): Promise<string> {
    return this.write(() => this.#accounts.firstSetting(name, value));
  }

  settings(prefix: string): Promise<ReadonlyMap<string, string>> {
    return this.do(() => this.#accounts.settings(prefix));
  }

  dropSetting(name: string): Promise<void> {
    return this.write(() => this.#accounts.dropSetting(name));
  }

  user(id: UserId): Promise<UserRecord | undefined> {
    return this.do(() => this.#accounts.user(id));
  }

  users(): Promise<readonly UserRecord[]> {
    return this.do(() => this.#accounts.users());
  }

  putUser(user: UserRecord): Promise<void> {
    return this.write(() => this.#accounts.put('users', user));
  }

  changeUser(
    id: UserId,
    change: (user: UserRecord | undefined) => UserRecord | undefined,
  ): Promise<UserRecord | undefined> {
    return this.write(() => this.#accounts.changeUser(id, change));
  }

  deleteUser(id: UserId): Promise<boolean> {
    return this.write(() => this.#accounts.delete('users', id));
  }

  project(id: ProjectId): Promise<ProjectRecord | undefined> {
    return this.do(() => this.#accounts.project(id));
  }

  projects(): Promise<readonly ProjectRecord[]> {
    return this.do(() => this.#accounts.projects());
  }

  putProject(project: ProjectRecord): Promise<void> {
    return this.write(() => this.#accounts.put('projects', project));
  }

  deleteProject(id: ProjectId): Promise<boolean> {
    return this.write(() => this.#accounts.delete('projects', id));
  }

  priorities(): Promise<Priorities> {
    return this.do(() => this.#accounts.priorities());
  }

  quotas(): Promise<QuotaRecords> {
    return this.do(async () => {
      const [quotas, resets] = await Promise.all([this.#accounts.quotas(), this.#uses.resets()]);
      return { ...quotas, resets };
    });
  }

  resetQuota(whose: QuotaOwner, at: Instant): Promise<void> {
    return this.write(() => this.#uses.reset(whose, at));
  }

  used(query: UseQuery): Promise<readonly DayUse[]> {
    return this.do(() => this.#uses.used(query));
  }

  diskDue(query: {
    readonly after: JobId | null;
    readonly limit: number;
  }): Promise<readonly DueDirectory[]> {
    return this.do(() => this.#disks.due(query));
  }

  putDisk(sizes: readonly DirectorySize[]): Promise<void> {
    return this.write(() => this.#disks.put(sizes));
  }

  diskUse(): Promise<readonly DiskUse[]> {
    return this.do(() => this.#disks.use());
  }

  diskOf(id: JobId): Promise<number | undefined> {
    return this.do(() => this.#disks.of(id));
  }

  recountDisk(): Promise<number> {
    return this.write(() => this.#disks.recount());
  }

  archive(id: JobId, at: Instant): Promise<'archived' | 'already' | 'not-over' | 'unknown'> {
    return this.write(() => this.#disks.archive(id, at));
  }

  purge(id: JobId): Promise<PurgeAnswer> {
    return this.write(() => this.#purges.purge(id));
  }

  watch(changed: () => void): () => void {
    return this.pulse.watch(changed);
  }

  /** What was asked before is finished. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.stopping();
    while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay]);
    await this.pulse.stop();
    await this.#client.close();
  }

  /** @throws ServiceError store-unavailable */
  protected async do<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    if (this.#closing !== undefined) throw unavailable('closed', 'the store is closed');
    const working = work();
    this.#underWay.add(working);
    try {
      return await working;
    } catch (error) {
      throw troubleOf(error);
    } finally {
      this.#underWay.delete(working);
    }
  }

  /** The same, and others are told if something was written. */
  protected async write<Answer>(
    work: () => Promise<Answer>,
    isWritten: (answer: Answer) => boolean = () => true,
  ): Promise<Answer> {
    const answer = await this.do(work);
    if (isWritten(answer)) this.pulse.beat();
    return answer;
  }

  /** Called once, before anything is waited for. */
  protected stopping(): void {}
}
