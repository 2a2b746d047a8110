// Users, projects, quotas and what stands on disks; and what every part of the store reads and writes with.
import { ServiceError } from '../../contracts/errors.js';
import type { Log } from '../../contracts/log.js';
import type {
  DirectorySize,
  DiskStore,
  DiskUse,
  DueDirectory,
  Priorities,
  ProjectRecord,
  ProjectStore,
  PurgeAnswer,
  QuotaOwner,
  UserRecord,
  UserStore,
} from '../../contracts/store.js';
import type { QuotaRecords } from '../../core/limit-book.js';
import { type Instant, type JobId, jobId, type ProjectId, type UserId } from '../../core/units.js';
import { prioritiesOf, projectOf, readQuotas, resetColumns, userOf } from './account-rows.js';
import { type Channel, errorOf } from './channel.js';
import { diskUseOf } from './disk-rows.js';
import type { PointReader } from './point-reader.js';
import type { Reads, Writes } from './requests.js';
import { UnreadableRecord } from './rows.js';
import type { Row } from './sqlite.js';
import { failureOf } from './writer.js';

export interface StoreParts {
  readonly writer: Channel<Writes>;
  readonly reader: Channel<Reads>;
  readonly point: PointReader;
  readonly log: Log;
}

export class EmbeddedAccounts implements UserStore, ProjectStore, DiskStore {
  protected readonly writer: Channel<Writes>;
  protected readonly reader: Channel<Reads>;
  protected readonly point: PointReader;
  protected readonly log: Log;
  protected isClosed = false;

  constructor({ writer, reader, point, log }: StoreParts) {
    this.writer = writer;
    this.reader = reader;
    this.point = point;
    this.log = log;
  }

  async user(id: UserId): Promise<UserRecord | undefined> {
    const row = this.read((point) => point.user(id));
    return row === undefined ? undefined : wholeOr(() => userOf(id, String(row[0])));
  }

  async users(): Promise<readonly UserRecord[]> {
    const rows = await this.reader.call('users', null);
    return this.readable(rows, ([id, document]) => userOf(String(id), String(document)));
  }

  putUser(user: UserRecord): Promise<void> {
    return this.writer.call('putUser', { id: user.id, document: JSON.stringify(user) });
  }

  async changeUser(
    id: UserId,
    change: (user: UserRecord | undefined) => UserRecord | undefined,
  ): Promise<UserRecord | undefined> {
    for (;;) {
      const row = this.read((point) => point.user(id));
      const former = row === undefined ? null : String(row[0]);
      const before = former === null ? undefined : wholeOr(() => userOf(id, former));
      const after = change(before);
      if (after === undefined) return before;
      const document = JSON.stringify(after);
      // Somebody else was faster: once more, with what they wrote.
      if (await this.writer.call('swapUser', { id, former, document })) return after;
    }
  }

  deleteUser(id: UserId): Promise<boolean> {
    return this.writer.call('deleteUser', id);
  }

  async project(id: ProjectId): Promise<ProjectRecord | undefined> {
    const row = this.read((point) => point.project(id));
    return row === undefined ? undefined : wholeOr(() => projectOf(id, String(row[0])));
  }

  async projects(): Promise<readonly ProjectRecord[]> {
    const rows = await this.reader.call('projects', null);
    return this.readable(rows, ([id, document]) => projectOf(String(id), String(document)));
  }

  putProject(project: ProjectRecord): Promise<void> {
    return this.writer.call('putProject', { id: project.id, document: JSON.stringify(project) });
  }

  deleteProject(id: ProjectId): Promise<boolean> {
    return this.writer.call('deleteProject', id);
  }

  async priorities(): Promise<Priorities> {
    return prioritiesOf(await this.reader.call('priorities', null));
  }

  quotas(): Promise<QuotaRecords> {
    return readQuotas(this.reader);
  }

  resetQuota(whose: QuotaOwner, at: Instant): Promise<void> {
    return this.writer.call('resetQuota', resetColumns(whose, at));
  }

  async diskDue(query: {
    readonly after: JobId | null;
    readonly limit: number;
  }): Promise<readonly DueDirectory[]> {
    const { after, limit } = query;
    const rows = await this.reader.call('diskDue', { after: after ?? 0, limit });
    return rows.map(([id, directory]) => ({
      id: jobId(Number(id)),
      directory: directory === null ? null : String(directory),
    }));
  }

  putDisk(sizes: readonly DirectorySize[]): Promise<void> {
    return this.writer.call('putDisk', sizes);
  }

  async diskUse(): Promise<readonly DiskUse[]> {
    return (await this.reader.call('diskUse', null)).map(diskUseOf);
  }

  async diskOf(id: JobId): Promise<number | undefined> {
    const row = this.read((point) => point.disk(id));
    return row === undefined ? undefined : Number(row[0]);
  }

  recountDisk(): Promise<number> {
    return this.writer.call('recountDisk', null);
  }

  archive(id: JobId, at: Instant): Promise<'archived' | 'already' | 'not-over' | 'unknown'> {
    return this.writer.call('archive', { id, at });
  }

  purge(id: JobId): Promise<PurgeAnswer> {
    return this.writer.call('purge', id);
  }

  protected read<Answer>(question: (point: PointReader) => Answer): Answer {
    if (this.isClosed)
      throw errorOf({ because: 'closed', detail: 'the store is closed', stack: '' });
    try {
      return question(this.point);
    } catch (failure) {
      throw errorOf(failureOf(failure));
    }
  }

  /** One broken record must not hide the others: it is left out, and said. */
  protected readable<T>(rows: readonly Row[], parse: (row: Row) => T): T[] {
    return rows.flatMap((row) => {
      try {
        return [parse(row)];
      } catch (failure) {
        if (!(failure instanceof UnreadableRecord)) throw failure;
        this.skip(failure);
        return [];
      }
    });
  }

  protected skip({ id, cause }: UnreadableRecord): void {
    this.log.error('record left out: it cannot be read', { id, cause });
  }
}

/** @throws ServiceError internal, with the record's id */
export function wholeOr<T>(parse: () => T): T {
  try {
    return parse();
  } catch (failure) {
    if (!(failure instanceof UnreadableRecord)) throw failure;
    throw new ServiceError('internal', failure.message, { id: failure.id }, { cause: failure });
  }
}
