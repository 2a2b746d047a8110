// The embedded store beside its own floor: bare libsql with the same rows, the same durability, in the same run.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Libsql from 'libsql';
import { SILENT } from '../src/contracts/log.js';
import type { NewJob, Store } from '../src/contracts/store.js';
import type { LaunchingJob, PendingJob } from '../src/core/job.js';
import { agentId, instant, projectId, taskIdOf, userId } from '../src/core/units.js';
import { submissionColumns } from '../src/store/embedded/rows.js';
import { MIGRATIONS } from '../src/store/embedded/schema.js';
import { openEmbeddedStore } from '../src/store/embedded/store.js';

/** One line of the benchmark's output. `ratio`: value over floor for rates, floor over value for durations. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly floor: number;
  readonly ratio: number;
}

const ROUNDS = 5;
const ROUND_MS = 600;
const CLIENTS = 32;
const BULK = 1_000;

/** A job of about 1 KB, as a client of the field sends it. */
export function aJob(n: number): NewJob {
  return {
    owner: userId(`user${n % 50}`),
    project: projectId(`project${n % 7}`),
    identity: { uid: 1000, gid: 1000, sgids: [100, 200], home: '/home/user', email: null },
    spec: {
      name: `align-${n}`,
      description: 'reads against the reference',
      tags: ['rna'],
      image: 'registry.example.org/bio/bowtie2:2.5',
      volumes: [{ name: 'home', path: '/home/user', mount: '/root', acl: 'rw' }],
      hasNetwork: false,
      network: null,
      isRoot: false,
      needs: { cpuMilli: 2_000, memMb: 4_000, gpus: 0, ports: 0, custom: {} },
      constraints: [],
      ports: [],
      executor: null,
      systemRetriesMax: 2,
      retries: [],
      lifespanMs: null,
      asked: { label: [], array: { values: null } },
    },
    script: `#!/bin/bash\n${'bowtie2 -x index -U reads.fq -S out.sam\n'.repeat(8)}`,
    submittedAt: instant(1_700_000_000_000 + n),
    idempotencyKey: null,
    digest: 'a'.repeat(64),
  };
}

/** Floor: one thread, prepared inserts of finished columns, `batch` jobs in each durable transaction. */
class BareTables {
  readonly #database: Libsql.Database;
  readonly #job: Libsql.Statement<unknown[]>;
  readonly #submission: Libsql.Statement<unknown[]>;
  #id = 0;

  constructor(path: string) {
    this.#database = new Libsql(path);
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = FULL');
    for (const step of MIGRATIONS) this.#database.exec(step);
    this.#job = this.#database.prepare(
      `INSERT INTO jobs (id, owner, project, state, launches, version, submitted_at, executor,
                         idem_key, digest, shape, life)
       VALUES (?, ?, ?, 'pending', 0, 1, ?, ?, ?, ?, ?, ?)`,
    );
    this.#submission = this.#database.prepare('INSERT INTO submissions VALUES (?, ?, ?)');
  }

  jobsPerSecond(batch: number): number {
    const rows = Array.from({ length: batch }, (_, n) => submissionColumns(aJob(n)));
    const begin = performance.now();
    const first = this.#id;
    while (performance.now() - begin < ROUND_MS) {
      this.#database.exec('BEGIN IMMEDIATE');
      for (const row of rows) {
        const id = ++this.#id;
        const { owner, project, submittedAt, executor, digest, shape, life } = row;
        this.#job.run(id, owner, project, submittedAt, executor, `#${id}`, digest, shape, life);
        this.#submission.run(id, row.asked, row.script);
      }
      this.#database.exec('COMMIT');
    }
    return (this.#id - first) / ((performance.now() - begin) / 1_000);
  }

  close(): void {
    this.#database.close();
  }
}

async function storeJobsPerSecond(store: Store, clients: number, batch: number): Promise<number> {
  const begin = performance.now();
  let stored = 0;
  const client = async () => {
    while (performance.now() - begin < ROUND_MS) {
      const jobs = Array.from({ length: batch }, (_, n) => aJob(stored + n));
      await store.submit(jobs);
      stored += batch;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return stored / ((performance.now() - begin) / 1_000);
}

const median = (figures: readonly number[]): number =>
  [...figures].sort((a, b) => a - b)[figures.length >> 1] ?? Number.NaN;
const rounded = (value: number): number => Math.round(value * 100) / 100;

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(process.env.GODOCKER_BENCH_DIR ?? tmpdir(), 'godocker-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Rounds of floor and store in turn; medians of both. */
async function submissions(name: string, clients: number, batch: number): Promise<Figure> {
  return inFolder(async (folder) => {
    const bare = new BareTables(join(folder, 'floor.db'));
    const store = await openEmbeddedStore({ path: join(folder, 'store.db'), log: SILENT });
    const floors: number[] = [];
    const values: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      floors.push(bare.jobsPerSecond(clients * batch));
      values.push(await storeJobsPerSecond(store, clients, batch));
    }
    bare.close();
    await store.close();
    const [value, floor] = [median(values), median(floors)];
    return {
      name,
      value: Math.round(value),
      unit: 'jobs/s',
      floor: Math.round(floor),
      ratio: rounded(value / floor),
    };
  });
}

/** 32 clients, one job a call, each waiting for its answer; floor: transactions of 32. */
export const storeSubmit = (): Promise<Figure> => submissions('store-submit', CLIENTS, 1);
/** One client, 1,000 jobs a call; floor: transactions of 1,000. */
export const storeSubmitBulk = (): Promise<Figure> => submissions('store-submit-bulk', 1, BULK);

const launched = (job: PendingJob): LaunchingJob => {
  const { notBefore: _, ...asked } = job;
  const placement = {
    taskId: taskIdOf(job.id, job.launches + 1),
    executor: 'mesos',
    agentId: agentId('9e2e1a3c-7c1d-4a8f-9b4e-0d6f5a1b2c3d-S12'),
    host: 'node-12.example.org',
    placedAt: job.submittedAt,
    ports: [],
  };
  return { ...asked, state: 'launching', launches: job.launches + 1, placement };
};

/** Milliseconds of 1,000 intents in one `advance`; floor: the same bare updates in one transaction. */
export async function storeAdvance(): Promise<Figure> {
  return inFolder(async (folder) => {
    const path = join(folder, 'store.db');
    const store = await openEmbeddedStore({ path, log: SILENT });
    const lease = await store.takeLease('bench', undefined);
    const bare = new Libsql(path);
    bare.pragma('synchronous = FULL');
    const update = bare.prepare(
      `UPDATE jobs SET state = 'launching', launches = 1, life = ?, version = version + 1
       WHERE id = ? AND state = 'pending' AND launches = 0 RETURNING version`,
    );
    const floors: number[] = [];
    const values: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await store.submit(Array.from({ length: BULK }, (_, n) => aJob(n)));
      const jobs = await store.jobs(answers.map(({ id }) => id));
      const steps = [...jobs.values()].flatMap((job) =>
        job.state === 'pending'
          ? [
              {
                from: { state: job.state, launches: 0 },
                unlessKillWanted: true,
                to: launched(job),
              },
            ]
          : [],
      );
      const begin = performance.now();
      const done = await store.advance(lease?.epoch ?? 0, steps);
      values.push(performance.now() - begin);
      if (done.some(({ kind }) => kind !== 'stored')) throw new Error('a step was refused');

      const others = await store.submit(Array.from({ length: BULK }, (_, n) => aJob(n)));
      const life = JSON.stringify(steps[0]?.to.placement);
      const bareBegin = performance.now();
      bare.exec('BEGIN IMMEDIATE');
      for (const { id } of others) update.get(life, id);
      bare.exec('COMMIT');
      floors.push(performance.now() - bareBegin);
    }
    bare.close();
    await store.close();
    const [value, floor] = [median(values), median(floors)];
    return {
      name: 'store-advance-1000',
      value: rounded(value),
      unit: 'ms',
      floor: rounded(floor),
      ratio: rounded(floor / value),
    };
  });
}

/**
 * Milliseconds until 100,000 waiting jobs are in memory, and the longest the event loop stood still meanwhile; floor:
 * a bare query of the same columns.
 */
export async function storePending(
  total = 100_000,
): Promise<Figure & { readonly stallMs: number }> {
  return inFolder(async (folder) => {
    const path = join(folder, 'store.db');
    const store = await openEmbeddedStore({ path, log: SILENT });
    for (let n = 0; n < total; n += 10_000)
      await store.submit(Array.from({ length: 10_000 }, (_, k) => aJob(n + k)));
    let last = performance.now();
    let stallMs = 0;
    const watch = setInterval(() => {
      stallMs = Math.max(stallMs, performance.now() - last);
      last = performance.now();
    }, 1);
    const begin = performance.now();
    const rows = await store.pending({ after: null, limit: total });
    const value = performance.now() - begin;
    clearInterval(watch);
    if (rows.length !== total) throw new Error(`${rows.length} of ${total} rows`);

    const bare = new Libsql(path);
    const ids = bare.prepare(
      `SELECT id, submitted_at, not_before, kill_wanted_by, owner, project, executor, shape
       FROM jobs WHERE state = 'pending' ORDER BY id`,
    );
    const bareBegin = performance.now();
    ids.all();
    const floor = performance.now() - bareBegin;
    bare.close();
    await store.close();
    return {
      name: 'store-pending-100k',
      value: rounded(value),
      unit: 'ms',
      floor: rounded(floor),
      ratio: rounded(floor / value),
      stallMs: rounded(stallMs),
    };
  });
}
