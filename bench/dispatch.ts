// `dispatch`: full lives of jobs a second (launched, running, finished, acknowledged, stored) on 1,000 simulated agents, over real
// HTTP and protobuf, with durable intents. Floor: our framework alone on the same agents, nothing decided, nothing stored.
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SILENT } from '../src/contracts/log.js';
import type { Store } from '../src/contracts/store.js';
import { openEmbeddedStore } from '../src/store/embedded/store.js';
import { freePort, type Scope, temporaryFolder } from '../test/support/places.js';
import { Installation } from '../test/support/processes.js';
import type { Background } from '../test/support/programs.js';
import { waitFor } from '../test/support/waiting.js';
import { bareLoop } from './bare-loop.js';
import { type Figure, median, rate } from './figure.js';
import { submitMany } from './job.js';
import { processorMs } from './processor.js';
import { inScope } from './scope.js';

const JOBS = 10_000;
const AGENTS = ['--agents', '1000', '--cpus', '4', '--mem', '8000'];
const ROUNDS = 3;
const OVER_MS_MAX = 180_000;
const ASK_EACH_MS = 50;

/** One round. Processor times are of one job, in milliseconds. */
interface Round {
  readonly perSecond: number;
  readonly schedulerMs: number;
  readonly nodeMs: number;
}

/** Folders stay until the last round is over: a file system that has just deleted many files makes new ones slowly. */
export async function dispatch(): Promise<Figure> {
  const floors: Round[] = [];
  const values: Round[] = [];
  await inScope(async (folders) => {
    for (let n = 0; n < ROUNDS; n++) {
      floors.push(await inScope((scope) => bareRound(scope, folders)));
      values.push(await inScope((scope) => serviceRound(scope, folders)));
    }
  });
  tell('floor', floors);
  tell('service', values);
  return rate('dispatch', middle(values, 'perSecond'), middle(floors, 'perSecond'));
}

const middle = (rounds: readonly Round[], what: keyof Round): number =>
  median(rounds.map((round) => round[what]));

function tell(what: string, rounds: readonly Round[]): void {
  const all = rounds.map(({ perSecond }) => Math.round(perSecond)).join(', ');
  const [scheduler, node] = [middle(rounds, 'schedulerMs'), middle(rounds, 'nodeMs')];
  console.error(
    `dispatch, ${what}: ${all} lives/s; processor time of a life: ` +
      `${scheduler.toFixed(2)} ms framework, ${node.toFixed(2)} ms local node`,
  );
}

/** Jobs wait in the queue before there is a master, so that submissions are no part of the time. */
async function serviceRound(scope: Scope, folders: Scope): Promise<Round> {
  const { installation, home } = await anInstallation(scope, folders);
  const scheduler = await installation.scheduler();
  const store = await openEmbeddedStore({ path: join(home, 'store.db'), log: SILENT });
  scope.teardown(() => store.close());
  await submitMany(store, JOBS);
  await waitFor('the queue is full', OVER_MS_MAX, async () => {
    const { pending } = await scheduler.status();
    return pending === JOBS;
  });
  const schedulerBefore = processorMs(scheduler.process.pid);
  const node = await startNode(installation);
  const nodeBefore = processorMs(node.pid);
  const tookMs = await livesMs(store);
  return {
    perSecond: (JOBS / tookMs) * 1_000,
    schedulerMs: (processorMs(scheduler.process.pid) - schedulerBefore) / JOBS,
    nodeMs: (processorMs(node.pid) - nodeBefore) / JOBS,
  };
}

/** From the first launch to the last stored end, by the record. */
async function livesMs(store: Store): Promise<number> {
  const isOver = async () => (await store.counts()).over === JOBS;
  await waitFor('all jobs are over', OVER_MS_MAX, isOver, ASK_EACH_MS);
  let firstAt = Number.POSITIVE_INFINITY;
  let lastAt = 0;
  for (let page = await store.list({}); page.length > 0; ) {
    for (const job of page) {
      if (job.state !== 'over' || job.outcome.kind !== 'exited')
        throw new Error(`job ${job.id} did not end by itself`);
      firstAt = Math.min(firstAt, job.placement?.placedAt ?? Number.NaN);
      lastAt = Math.max(lastAt, job.endedAt);
    }
    const last = page.at(-1);
    page = last === undefined ? [] : await store.list({ before: last.id });
  }
  return lastAt - firstAt;
}

async function bareRound(scope: Scope, folders: Scope): Promise<Round> {
  const { installation, home, port } = await anInstallation(scope, folders);
  // Only makes the home and its credential.
  const scheduler = await installation.scheduler();
  await scheduler.process.stop();
  const node = await startNode(installation);
  const credential = JSON.parse(readFileSync(join(home, 'mesos-credential.json'), 'utf8')) as {
    readonly principal: string;
    readonly secret: string;
  };
  const nodeBefore = processorMs(node.pid);
  const ownBefore = processorMs(process.pid);
  const tookMs = await bareLoop(scope, { port, credential, jobs: JOBS });
  return {
    perSecond: (JOBS / tookMs) * 1_000,
    schedulerMs: (processorMs(process.pid) - ownBefore) / JOBS,
    nodeMs: (processorMs(node.pid) - nodeBefore) / JOBS,
  };
}

const startNode = (installation: Installation): Promise<Background> =>
  installation.node(['--tasks', 'simulate', ...AGENTS]);

async function anInstallation(
  scope: Scope,
  folders: Scope,
): Promise<{ installation: Installation; home: string; port: number }> {
  const folder = temporaryFolder(folders, 'dispatch');
  chmodSync(folder, 0o711);
  const home = join(folder, 'home');
  mkdirSync(home, { mode: 0o711 });
  const port = await freePort();
  return {
    installation: new Installation(scope, { home, mesosPort: port, mode: 'auto' }),
    home,
    port,
  };
}
