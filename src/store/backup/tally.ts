// Counts records, each name once.
import {
  type BackupRecord,
  RECORD_KINDS,
  type RecordCounts,
  type RecordKind,
} from '../../contracts/backup.js';

export class Tally {
  readonly #counts = noRecords();
  readonly #jobs = new SeenIds();
  /** Names of all that is no job: accounts and their days, not what grows with every submission. */
  readonly #others = new Set<string>();

  /** A record that comes again was counted before. */
  add(record: BackupRecord): void {
    if (this.#isFresh(record)) this.#counts[record.kind]++;
  }

  /** Launches are as many as jobs, and none comes twice; nor do entries of the audit log. */
  #isFresh(record: BackupRecord): boolean {
    if (record.kind === 'launch' || record.kind === 'audit') return true;
    return record.kind === 'job' ? this.#jobs.add(record.id) : this.#isNew(record);
  }

  counts(): RecordCounts {
    return { ...this.#counts };
  }

  #isNew(record: BackupRecord): boolean {
    const before = this.#others.size;
    return this.#others.add(nameOf(record)).size > before;
  }
}

/** What names a record that is no job among all others. */
function nameOf(record: BackupRecord): string {
  switch (record.kind) {
    case 'quotaReset':
      return JSON.stringify([record.kind, record.of, record.id]);
    case 'use':
      return JSON.stringify([record.kind, record.day, record.owner, record.project]);
    case 'user':
    case 'project':
    case 'job':
      return JSON.stringify([record.kind, record.id]);
    case 'audit':
      return JSON.stringify([record.kind, record.seq]);
    case 'launch':
      return JSON.stringify([record.kind, record.job, record.launch]);
    default:
      return JSON.stringify([record.kind, record.name]);
  }
}

const noRecords = (): Record<RecordKind, number> =>
  Object.fromEntries(RECORD_KINDS.map((kind) => [kind, 0])) as Record<RecordKind, number>;

/** Which job ids were seen: a bit each, so that a million take little. */
export class SeenIds {
  #bits = new Uint8Array(1 << 16);

  has(id: number): boolean {
    return ((this.#bits[Math.floor(id / 8)] ?? 0) & (1 << (id % 8))) !== 0;
  }

  /** False: it was there before. */
  add(id: number): boolean {
    if (this.has(id)) return false;
    const place = Math.floor(id / 8);
    if (place >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(place + 1, this.#bits.length * 2));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    this.#bits[place] = (this.#bits[place] ?? 0) | (1 << (id % 8));
    return true;
  }
}

/** `3 users, 1200 jobs`: what there is any of. */
export const inWords = (records: RecordCounts): string =>
  RECORD_KINDS.filter((kind) => records[kind] > 0)
    .map((kind) => `${records[kind]} ${WORDS[kind][records[kind] === 1 ? 0 : 1]}`)
    .join(', ') || 'nothing';

const WORDS = {
  counter: ['counter', 'counters'],
  setting: ['setting', 'settings'],
  user: ['user', 'users'],
  project: ['project', 'projects'],
  quotaReset: ['reset of quotas', 'resets of quotas'],
  use: ['day of use', 'days of use'],
  job: ['job', 'jobs'],
  launch: ['accounting record', 'accounting records'],
  audit: ['audit entry', 'audit entries'],
} as const;
