// Pages of finished jobs out of a million, by user, tag and date, beside a bare walk of the same index and rows in the same run.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Libsql from 'libsql';
import { SILENT } from '../src/contracts/log.js';
import type { HistoryQuery } from '../src/contracts/store.js';
import { instant, userId } from '../src/core/units.js';
import { submissionColumns } from '../src/store/embedded/rows.js';
import { TAG_ALL } from '../src/store/embedded/schema.js';
import { openEmbeddedStore } from '../src/store/embedded/store.js';
import { duration, type Figure, median } from './figure.js';
import { aJob } from './store.js';

const JOBS = 1_000_000;
const PAGE = 100;
const PAGES = 200;
const MINUTE_MS = 60_000;
const FIRST_DAY = 1_700_000_000_000;
const LIFE = JSON.stringify({
  faults: [],
  directory: '/shared/tasks/1',
  placement: null,
  startedAt: FIRST_DAY,
  container: { containerId: null, ipAddress: null },
  outcome: { kind: 'exited', exitCode: 0, because: null },
});

/** Fifty users, one job a minute: each asks for one tag in a month of the two years. */
function question(n: number): Required<Pick<HistoryQuery, 'owner' | 'tag' | 'since' | 'until'>> {
  const since = FIRST_DAY + ((n * 7_919) % (JOBS - 50_000)) * MINUTE_MS;
  const until = instant(since + 30 * 1_440 * MINUTE_MS);
  return { owner: userId(`user${n % 50}`), tag: 'rna', since: instant(since), until };
}

function fill(path: string): void {
  const database = new Libsql(path);
  const columns = submissionColumns(aJob(0));
  database.pragma('synchronous = OFF');
  database.exec('BEGIN');
  const numbers = `WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${JOBS})`;
  database
    .prepare(
      `${numbers} INSERT INTO jobs (id, owner, project, state, launches, version, submitted_at, ended_at,
         idem_key, digest, shape, life, exit_code)
       SELECT id, 'user' || (id % 50), 'project' || (id % 7), 'over', 1, 4, ? + id * ${MINUTE_MS},
         ? + id * ${MINUTE_MS}, '#' || id, 'd', ?, ?, 0 FROM n`,
    )
    .run(FIRST_DAY, FIRST_DAY, columns.shape, LIFE);
  database
    .prepare(`${numbers} INSERT INTO submissions SELECT id, ?, ? FROM n`)
    .run(columns.asked, columns.script);
  database.exec(TAG_ALL);
  database.exec(`UPDATE counters SET value = ${JOBS}`);
  database.exec('COMMIT');
  database.close();
}

/** Milliseconds of each page. */
async function timed(ask: (n: number) => Promise<number>): Promise<number[]> {
  const tookMs: number[] = [];
  for (let n = 0; n < PAGES; n++) {
    const startedAt = performance.now();
    const rows = await ask(n);
    tookMs.push(performance.now() - startedAt);
    if (rows !== PAGE) throw new Error(`page ${n} has ${rows} rows`);
  }
  return tookMs;
}

const p99 = (tookMs: readonly number[]): number =>
  [...tookMs].sort((a, b) => a - b)[Math.floor(tookMs.length * 0.99)] ?? Number.NaN;

export async function list1m(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'godocker-bench-'));
  const path = join(folder, 'store.db');
  try {
    await (await openEmbeddedStore({ path, log: SILENT })).close();
    fill(path);
    const store = await openEmbeddedStore({ path, log: SILENT });
    const database = new Libsql(path);
    const bare = database
      .prepare(
        `SELECT j.*, s.asked FROM past_tags p JOIN jobs j ON j.id = p.id JOIN submissions s ON s.id = p.id
         WHERE p.owner = ? AND p.tag = ? AND p.submitted_at >= ? AND p.submitted_at < ?
         ORDER BY p.submitted_at DESC, p.id DESC LIMIT ${PAGE}`,
      )
      .raw();
    const floorMs = await timed(async (n) => {
      const { owner, tag, since, until } = question(n);
      return bare.all(owner, tag, since, until).length;
    });
    const tookMs = await timed(async (n) => {
      const page = await store.history({ ...question(n), limit: PAGE });
      return page.length;
    });
    database.close();
    await store.close();
    return [
      duration('list-1m', median(tookMs), median(floorMs)),
      duration('list-1m-p99', p99(tookMs), p99(floorMs)),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
