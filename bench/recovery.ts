// `recovery`: from kill -9 of the leader to the first launch by its standby, with 10,000 running and 100,000 pending jobs.
// Floor: the time after which a silent lease counts as stale, before which no standby may act. Worst of five rounds.
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LEASE_STALE_MS } from '../src/contracts/limits.js';
import { SILENT } from '../src/contracts/log.js';
import type { Store } from '../src/contracts/store.js';
import { openEmbeddedStore } from '../src/store/embedded/store.js';
import { freePort, type Scope, temporaryFolder } from '../test/support/places.js';
import { Installation, leaderAmong, type Scheduler } from '../test/support/processes.js';
import { waitFor } from '../test/support/waiting.js';
import { type Figure, median } from './figure.js';
import { submitMany } from './job.js';
import { processorMs } from './processor.js';
import { inScope } from './scope.js';

const RUNNING = 10_000;
const PENDING = 100_000;
const ROUNDS = 5;
const AGENTS = 100;
/** Room for the running jobs and a few probes; the pending ones wait for GPUs, which no agent has. */
const CPUS_EACH = RUNNING / AGENTS + 1;
const STEP_MS_MAX = 180_000;
const HOUR_MS = 3_600_000;

export async function recovery(): Promise<Figure> {
  const times = await inScope(measure);
  console.error(
    `recovery, ms: ${times.map(Math.round).join(', ')}; median ${Math.round(median(times))}`,
  );
  const value = Math.max(...times) / 1_000;
  const floor = LEASE_STALE_MS / 1_000;
  const rounded = (figure: number): number => Math.round(figure * 100) / 100;
  return {
    name: 'recovery',
    value: rounded(value),
    unit: 's',
    floor,
    ratio: rounded(floor / value),
  };
}

async function measure(scope: Scope): Promise<readonly number[]> {
  const folder = temporaryFolder(scope, 'recovery');
  chmodSync(folder, 0o711);
  const home = join(folder, 'home');
  mkdirSync(home, { mode: 0o711 });
  const installation = new Installation(scope, { home, mesosPort: await freePort(), mode: 'auto' });
  const schedulers = [await installation.scheduler()];
  await installation.node([
    ...['--tasks', 'simulate', '--simulate-ms', String(HOUR_MS), '--agents', String(AGENTS)],
    ...['--cpus', String(CPUS_EACH), '--mem', String(CPUS_EACH * 100)],
  ]);
  const store = await openEmbeddedStore({ path: join(home, 'store.db'), log: SILENT });
  scope.teardown(() => store.close());
  await submitMany(store, RUNNING);
  await waitFor('all of them run', STEP_MS_MAX, async () => {
    const { running } = await store.counts();
    return running === RUNNING;
  });
  schedulers.push(await installation.scheduler());
  await submitMany(store, PENDING, { gpus: 1 });
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const leader = await leaderAmong(schedulers);
    await waitFor('the leader knows them all', STEP_MS_MAX, async () => {
      const { pending, live } = await leader.status();
      return pending === PENDING && live === RUNNING + round;
    });
    await sleep(2_000);
    schedulers.splice(schedulers.indexOf(leader), 1);
    const standby = schedulers[0];
    if (standby === undefined) throw new Error('nobody stands by');
    const killedAt = Date.now();
    const computedMs = processorMs(standby.process.pid);
    times.push(await killAndProbe(store, leader));
    tellSteps(standby, { killedAt, tookMs: processorMs(standby.process.pid) - computedMs });
    schedulers.push(await installation.scheduler());
  }
  return times;
}

/** Kills the leader; a job that fits waits for its successor. */
async function killAndProbe(store: Store, leader: Scheduler): Promise<number> {
  const killedMs = performance.now();
  await leader.process.kill9();
  const [probe] = await submitMany(store, 1);
  await waitFor(
    'the probe runs',
    STEP_MS_MAX,
    async () => {
      const job = probe === undefined ? undefined : await store.job(probe);
      return job?.state === 'running';
    },
    10,
  );
  return performance.now() - killedMs;
}

/** What the new leader says in its log, in this order. */
const STEPS = ['leading', 'record read', 'subscribed'];

/** Where the time went: each step since the kill, and what the new leader has computed. */
function tellSteps(
  leader: Scheduler,
  { killedAt, tookMs }: { readonly killedAt: number; readonly tookMs: number },
): void {
  const lines = readFileSync(leader.process.logFile, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { readonly time: string; readonly msg: string });
  const told = STEPS.map((step) => {
    const found = lines.find(({ msg }) => msg === step);
    return `${step} ${found === undefined ? '?' : Date.parse(found.time) - killedAt}`;
  });
  console.error(`recovery, ms since the kill: ${told.join(', ')}; processor time ${tookMs}`);
}
