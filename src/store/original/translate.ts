/** An original GoDocker's data as records of ours: accounts, jobs, use, and the counter of ids. Its own data are never changed. */
import { type BackupRecord, ImportRefused } from '../../contracts/backup.js';
import type { Instant } from '../../core/units.js';
import { type AccountRules, projectRecord, userRecord } from './accounts.js';
import { numberIn } from './fields.js';
import { overJob } from './jobs.js';
import type { ImportReport } from './report.js';
import type { OriginalSource } from './source.js';
import { OriginalUse } from './use.js';

const PORTION = 500;
const LAST_ID = 'god:jobs';
const IDS_SHOWN = 5;
/** The account that the service makes at its first start, unless somebody has made it. */
const ADMIN = 'admin';

export interface OriginalRules extends AccountRules {
  /** Jobs that wait or run there: refuse the import, put them on record as over, or leave them out. */
  readonly active: 'refuse' | 'over' | 'leave-out';
  /** Keys and values of its Redis; empty: use is taken from the jobs alone. */
  readonly counters: ReadonlyMap<string, string>;
  /** IANA name of the zone in which it counted days. */
  readonly timeZone: string;
  readonly at: Instant;
}

/** @throws ImportRefused active-jobs, damaged */
export async function* translated(
  source: OriginalSource,
  rules: OriginalRules,
  report: ImportReport,
): AsyncGenerator<readonly BackupRecord[]> {
  if (rules.active === 'refuse') await requireQuiet(source);
  yield* accounts(source, rules, report);
  const use = new OriginalUse(rules.timeZone);
  let last = Math.max(0, Math.floor(Number(rules.counters.get(LAST_ID) ?? 0)) || 0);
  let portion: BackupRecord[] = [];
  const take = (job: ReturnType<typeof overJob>): boolean => {
    if (job === undefined) return false;
    for (const launch of job.launches) use.add(job.owner, job.project, launch);
    return portion.push(job.record) >= PORTION;
  };
  // A job that was moved while the original died is in both: the one that is over comes last, and stays.
  for (const collection of ['jobs', 'jobsover'] as const)
    for await (const found of source.documents(collection)) {
      last = Math.max(last, numberIn(found, 'id') ?? 0);
      const isActive = collection === 'jobs';
      if (isActive && rules.active === 'leave-out') {
        report.leftOut(String(found.id), 'jobs that wait or run');
        continue;
      }
      if (isActive)
        report.changed(String(found.id), 'jobs that wait or run: on record as given up');
      if (!take(overJob(found, report, { isActive, at: rules.at }))) continue;
      yield portion;
      portion = [];
    }
  yield portion;
  use.addCounters(rules.counters, report);
  yield use.records();
  yield [{ kind: 'counter', name: 'job', value: last }];
}

async function requireQuiet(source: OriginalSource): Promise<void> {
  const ids: string[] = [];
  let count = 0;
  for await (const { id } of source.documents('jobs')) {
    count++;
    if (ids.length < IDS_SHOWN) ids.push(String(id));
  }
  if (count === 0) return;
  throw new ImportRefused(
    'active-jobs',
    `${count} jobs wait or run there (${ids.join(', ')}${count > ids.length ? ', …' : ''}): let them end, or take them with --active over, or not at all with --active leave-out`,
  );
}

async function* accounts(
  source: OriginalSource,
  rules: OriginalRules,
  report: ImportReport,
): AsyncGenerator<readonly BackupRecord[]> {
  const admins = new Set(rules.admins);
  for await (const found of source.documents('users')) {
    const user = userRecord(found, rules, report);
    if (user === undefined) continue;
    admins.delete(user.id);
    yield [user];
    if (user.id !== ADMIN) continue;
    report.changed(
      ADMIN,
      'the account "admin": it is the service\'s own, and gets a key in the home',
    );
    // Otherwise the first start would make it anew.
    yield [{ kind: 'setting', name: 'admin-made-by', value: 'import' }];
  }
  for (const login of admins) report.leftOut(login, 'administrators who are no users there');
  for await (const found of source.documents('projects')) {
    const project = projectRecord(found, rules, report);
    if (project !== undefined) yield [project];
  }
}
