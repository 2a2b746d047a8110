// Single records, read where they are asked for: each takes some ten microseconds.
import { DISK_OF } from './disk-rows.js';
import { ARRAY_OF, WHOLE_JOB } from './rows.js';
import { Database, type Row } from './sqlite.js';

/** A reader waits only while another process repairs the log after a crash. */
const POINT_READ_BUSY_MS = 1_000;

export interface PointReader {
  readonly job: (id: number) => Row | undefined;
  /** The array that an id is a member of. */
  readonly arrayOf: (id: number) => Row | undefined;
  readonly user: (id: string) => Row | undefined;
  readonly project: (id: string) => Row | undefined;
  readonly setting: (name: string) => Row | undefined;
  readonly settings: (prefix: string) => readonly Row[];
  /** What the job's directory takes. */
  readonly disk: (id: number) => Row | undefined;
  readonly lease: () => Row | undefined;
  readonly close: () => void;
}

export function pointReader(path: string): PointReader {
  const database = Database.open(path, { create: false, busyTimeoutMs: POINT_READ_BUSY_MS });
  const job = database.prepare(`${WHOLE_JOB} WHERE j.id = ?`);
  const arrayOf = database.prepare(ARRAY_OF);
  const user = database.prepare('SELECT document FROM users WHERE id = ?');
  const project = database.prepare('SELECT document FROM projects WHERE id = ?');
  // As bytes: libsql cuts texts that it reads at their first NUL.
  const setting = database.prepare('SELECT CAST(value AS BLOB) FROM settings WHERE name = ?');
  const settings = database.prepare(
    'SELECT name, CAST(value AS BLOB) FROM settings WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name',
  );
  const lease = database.prepare('SELECT epoch, holder, beat FROM lease');
  const disk = database.prepare(DISK_OF);
  return {
    job: (id) => job.get(id),
    arrayOf: (id) => arrayOf.get(id, id),
    user: (id) => user.get(id),
    project: (id) => project.get(id),
    setting: (name) => setting.get(name),
    settings: (prefix) => settings.all(prefix),
    disk: (id) => disk.get(id),
    lease: () => lease.get(),
    close: () => database.close(),
  };
}
