// What was used: by the jobs that are on record, and by those that the original has forgotten but still counts.
import type { RecordOf } from '../../contracts/backup.js';
import type { EndedLaunch } from '../../core/ended-launch.js';
import { added, DAY_MS, dayOf, type Sums, sumsOf } from '../../core/usage.js';
import type { ImportReport } from './report.js';

type Use = RecordOf<'use'>;

/** `god:user:LOGIN:cpu:2017_3_4`. Its days have no leading zeros. */
const COUNTER = /^god:(user|group):(.+):(cpu|ram|time):(\d{4}_\d{1,2}_\d{1,2})$/;
type Measure = 'cpu' | 'ram' | 'time';
const MB_PER_GB = 1_000;

export class OriginalUse {
  /** By UTC day, owner and project. */
  readonly #days = new Map<string, Use>();
  /** What the jobs of one user used on one day of the original's own calendar. */
  readonly #ofUsers = new Map<string, Record<Measure, number>>();
  readonly #calendar: Intl.DateTimeFormat;

  /** @param timeZone IANA name of the zone in which the original counted its days */
  constructor(timeZone: string) {
    this.#calendar = new Intl.DateTimeFormat('en-US', {
      timeZone,
      ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
    });
  }

  add(owner: string, project: string, { timeMs, needs, endedAt }: EndedLaunch): void {
    const day = dayOf(endedAt);
    this.#put({ day, owner, project }, sumsOf(needs, timeMs), endedAt - day * DAY_MS);
    const [month, date, year] = this.#calendar.format(endedAt).split('/');
    const theirs = `${owner} ${year}_${month}_${date}`;
    const known = this.#ofUsers.get(theirs) ?? { cpu: 0, ram: 0, time: 0 };
    known.time += timeMs / 1_000;
    known.cpu += needs.cpuMilli / 1_000;
    known.ram += needs.memMb / MB_PER_GB;
    this.#ofUsers.set(theirs, known);
  }

  /**
   * Adds what counters of users have beyond the jobs. The original kept no products of amount and time: each such job counts there with one cpu and
   * 1 GB, the least that it can have had.
   */
  addCounters(counters: ReadonlyMap<string, string>, report: ImportReport): void {
    const counted = new Map<string, Partial<Record<Measure, number>>>();
    for (const [key, value] of counters) {
      const [, kind, name = '', measure, date] = COUNTER.exec(key) ?? [];
      const amount = Number(value);
      if (kind === undefined || !Number.isFinite(amount) || amount <= 0) continue;
      if (kind === 'group') {
        report.leftOut(
          name,
          'counters of projects: use belongs to a user in a project, and is taken from the jobs',
        );
        continue;
      }
      const whose = `${name} ${date}`;
      counted.set(whose, { ...counted.get(whose), [measure as Measure]: amount });
    }
    for (const [whose, amounts] of counted) this.#addBeyond(whose, amounts, report);
  }

  #addBeyond(whose: string, amounts: Partial<Record<Measure, number>>, report: ImportReport): void {
    const known = this.#ofUsers.get(whose);
    const beyond = (measure: Measure) =>
      Math.max(0, (amounts[measure] ?? 0) - (known?.[measure] ?? 0));
    // Seconds were rounded by the original, job by job.
    const timeMs = Math.round(beyond('time')) * 1_000;
    if (timeMs === 0) return;
    const [owner = '', date = ''] = whose.split(' ');
    const [year = 0, month = 1, dayOfMonth = 1] = date.split('_').map(Number);
    const day = Math.round(Date.UTC(year, month - 1, dayOfMonth) / DAY_MS);
    const sums = {
      ...sumsOf({ cpuMilli: 1_000, memMb: MB_PER_GB, gpus: 0 }, timeMs),
      cpuMilli: Math.round(beyond('cpu') * 1_000),
      memMb: Math.round(beyond('ram') * MB_PER_GB),
    };
    this.#put({ day, owner, project: 'default' }, sums, DAY_MS / 2);
    report.changed(
      owner,
      'use of jobs that are on record no more: counted in the project "default"',
    );
  }

  #put(at: Pick<Use, 'day' | 'owner' | 'project'>, sums: Sums, endedMs: number): void {
    const key = JSON.stringify([at.day, at.owner, at.project]);
    const known = this.#days.get(key);
    const ended = (known?.ended ?? 0) + endedMs * sums.timeMs;
    this.#days.set(key, {
      kind: 'use',
      ...at,
      ...(known === undefined ? sums : added(known, sums)),
      ended,
    });
  }

  records(): readonly Use[] {
    return [...this.#days.values()];
  }
}
