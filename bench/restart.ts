// `restart-1m`: a scheduler alone, with a million waiting jobs on the embedded store, gets kill -9 and is started again: time
// until it has launched a job. `restart-dependants-1m`: the same, and each of them waits for the one before. Floor: a bare query of the columns that it must read of each job. Worst of three rounds.
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Libsql from 'libsql';
import { SILENT } from '../src/contracts/log.js';
import type { NewJob, Store } from '../src/contracts/store.js';
import { type JobId, jobId } from '../src/core/units.js';
import { openEmbeddedStore } from '../src/store/embedded/store.js';
import { freePort, type Scope, temporaryFolder } from '../test/support/places.js';
import { Installation, type Scheduler } from '../test/support/processes.js';
import { waitFor } from '../test/support/waiting.js';
import { type Figure, median } from './figure.js';
import { aJob, submitMany } from './job.js';
import { processorMs } from './processor.js';
import { inScope } from './scope.js';
import { USUAL, Workload } from './workload.js';

/** Fewer, for a trial: `RESTART_JOBS`. */
const JOBS = Number(process.env.RESTART_JOBS ?? 1_000_000);
const BULK = 5_000;
/** So many calls at once: the writer is never idle. */
const CALLS = 3;
const ROUNDS = 3;
const STEP_MS_MAX = 300_000;

export const restart1m = (): Promise<Figure> => restarts('restart-1m', false);

export const restartDependants1m = (): Promise<Figure> => restarts('restart-dependants-1m', true);

async function restarts(name: string, areDependants: boolean): Promise<Figure> {
  const { timesMs, floorMs } = await inScope((scope) => measure(scope, areDependants));
  const seconds = (ms: number): number => Math.round(ms / 10) / 100;
  console.error(`${name}, s: ${timesMs.map(seconds).join(', ')}`);
  const value = Math.max(...timesMs);
  return {
    name,
    value: seconds(value),
    unit: 's',
    floor: seconds(floorMs),
    ratio: Math.round((floorMs / value) * 100) / 100,
  };
}

async function measure(scope: Scope, areDependants: boolean) {
  const folder = temporaryFolder(scope, 'restart');
  chmodSync(folder, 0o711);
  const home = join(folder, 'home');
  mkdirSync(home, { mode: 0o711 });
  const installation = new Installation(scope, { home, mesosPort: await freePort(), mode: 'auto' });
  let scheduler = await installation.scheduler();
  await installation.node(['--tasks', 'simulate', '--agents', '10', '--cpus', '8', '--mem', '800']);
  await scheduler.process.kill9();
  const path = join(home, 'store.db');
  const store = await openEmbeddedStore({ path, log: SILENT });
  scope.teardown(() => store.close());
  await fill(store, path, areDependants);
  scheduler = await restarted(installation);
  const timesMs: number[] = [];
  const floors: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await scheduler.process.kill9();
    const probe = await submitMany(store, 1);
    const killed = performance.now();
    scheduler = await installation.scheduler();
    const upMs = performance.now() - killed;
    await hasRun(store, probe);
    timesMs.push(performance.now() - killed);
    const computedMs = Math.round(processorMs(scheduler.process.pid));
    console.error(`restart-1m: up after ${Math.round(upMs)} ms; processor time ${computedMs} ms`);
    await knowsAll(scheduler);
    floors.push(bareQueryMs(path));
  }
  return { timesMs, floorMs: median(floors) };
}

/**
 * Users, projects and demands as at a large centre; all of them want a GPU, which no agent has. Jobs that wait for others are
 * stored by one call at a time, so that the ids which they wait for are known.
 */
async function fill(store: Store, path: string, areDependants: boolean): Promise<void> {
  const began = performance.now();
  const workload = new Workload({ ...USUAL, hasQueues: false });
  let next = 1;
  const job = (before: JobId | null = null): NewJob => {
    const { owner, project, submittedAt, needs, constraints, lifespanMs } = workload.row(
      jobId(next++),
      JOBS,
    );
    const dull = aJob(next, { gpus: 1 });
    const spec = {
      ...dull.spec,
      needs: { ...needs, gpus: 1 },
      constraints,
      lifespanMs: lifespanMs ?? null,
      ...(before === null ? {} : { dependencies: after(before) }),
    };
    return { ...dull, owner, project, submittedAt, spec };
  };
  const caller = async (): Promise<void> => {
    let last: JobId | undefined;
    while (next <= JOBS) {
      const many = Math.min(last === undefined ? 1 : BULK, JOBS - next + 1);
      // Nobody else submits: ids follow one another.
      const before = areDependants ? last : undefined;
      const jobs = Array.from({ length: many }, (_, n) =>
        job(before === undefined ? null : jobId(before + n)),
      );
      last = (await store.submit(jobs)).at(-1)?.id;
    }
  };
  await Promise.all(Array.from({ length: areDependants ? 1 : CALLS }, caller));
  const tookS = Math.round((performance.now() - began) / 1_000);
  const mb = Math.round(statSync(path).size / 1e6);
  console.error(`restart-1m: ${JOBS} jobs stored in ${tookS} s, ${mb} MB`);
}

const after = (job: JobId): NonNullable<NewJob['spec']['dependencies']> => ({
  on: [{ type: 'afterany', job }],
  isAnyEnough: false,
  isSingleton: false,
});

async function restarted(installation: Installation): Promise<Scheduler> {
  const scheduler = await installation.scheduler();
  await knowsAll(scheduler);
  return scheduler;
}

const knowsAll = (scheduler: Scheduler): Promise<unknown> =>
  waitFor('the leader knows them all', STEP_MS_MAX, async () => {
    const { isLeading, pending } = await scheduler.status();
    return isLeading && pending === JOBS;
  });

/** Launched, and so quickly over that it may not be seen running. */
const hasRun = (store: Store, ids: readonly JobId[]): Promise<unknown> =>
  waitFor(
    'the probe has started',
    STEP_MS_MAX,
    async () => {
      const jobs = await store.jobs(ids);
      return [...jobs.values()].some(({ state }) => state === 'running' || state === 'over');
    },
    10,
  );

function bareQueryMs(path: string): number {
  const bare = new Libsql(path, { readonly: true });
  const before = performance.now();
  const rows = bare
    .prepare(
      `SELECT id, submitted_at, not_before, kill_wanted_by, owner, project, executor, shape
       FROM jobs WHERE state = 'pending' ORDER BY id`,
    )
    .all();
  const tookMs = performance.now() - before;
  bare.close();
  if (rows.length !== JOBS) throw new Error(`${rows.length} of ${JOBS} rows`);
  return tookMs;
}
