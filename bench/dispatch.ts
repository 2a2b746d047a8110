// `dispatch`: full lives of jobs a second (launched, running, finished, acknowledged, stored) on 1,000 simulated agents, over real
// HTTP and protobuf, with durable intents. Floor: our framework alone on the same agents, nothing decided, nothing stored.
// `dispatch-cold`: the first lives of both after their start, whose hot code is still being compiled.
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SILENT } from '../src/contracts/log.js';
import type { Store } from '../src/contracts/store.js';
import { assert } from '../src/core/assert.js';
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

/** Lives after the start, told apart: processes that run for weeks compile their hot code once. */
const COLD = 10_000;
/** Lives that count. */
const STEADY = 10_000;
/** More than the agents run at once: the last lives that count end beside as many others as the first. */
const AFTERWARDS = 5_000;
const JOBS = COLD + STEADY + AFTERWARDS;
const AGENTS = ['--agents', '1000', '--cpus', '4', '--mem', '8000'];
const ROUNDS = 3;
const OVER_MS_MAX = 600_000;
const ASK_EACH_MS = 50;

/** Lives a second and processor times of one life, in milliseconds. */
interface Pace {
  readonly perSecond: number;
  readonly frameworkMs: number;
  readonly nodeMs: number;
}
interface Round {
  readonly cold: Pace;
  readonly steady: Pace;
}

/** Folders stay until the last round is over: a file system that has just deleted many files makes new ones slowly. */
export async function dispatch(): Promise<Figure[]> {
  const floors: Round[] = [];
  const values: Round[] = [];
  await inScope(async (folders) => {
    for (let n = 0; n < ROUNDS; n++) {
      floors.push(await inScope((scope) => bareRound(scope, folders)));
      values.push(await inScope((scope) => serviceRound(scope, folders)));
    }
  });
  const figureOf = (name: string, part: keyof Round): Figure => {
    const floor = floors.map((round) => round[part]);
    const ours = values.map((round) => round[part]);
    tell(`${name}, floor`, floor);
    tell(`${name}, service`, ours);
    return rate(name, middle(ours, 'perSecond'), middle(floor, 'perSecond'));
  };
  return [figureOf('dispatch', 'steady'), figureOf('dispatch-cold', 'cold')];
}

const middle = (paces: readonly Pace[], what: keyof Pace): number =>
  median(paces.map((pace) => pace[what]));

function tell(what: string, paces: readonly Pace[]): void {
  const all = paces.map(({ perSecond }) => Math.round(perSecond)).join(', ');
  const [framework, node] = [middle(paces, 'frameworkMs'), middle(paces, 'nodeMs')];
  console.error(
    `${what}: ${all} lives/s; processor time of a life: ` +
      `${framework.toFixed(2)} ms framework, ${node.toFixed(2)} ms local node`,
  );
}

/** Processor times of both processes when so many lives were over. */
interface Reading {
  readonly over: number;
  readonly frameworkMs: number;
  readonly nodeMs: number;
}

/** Reads processor times at the start and when each part of a round is over. */
class Meter {
  readonly #pids: { readonly framework: number; readonly node: number };
  readonly #readings: Reading[] = [];

  constructor(pids: { readonly framework: number; readonly node: number }) {
    this.#pids = pids;
    this.look(0);
  }

  /** So many lives are over now. */
  look(over: number): void {
    const next = [0, COLD, COLD + STEADY][this.#readings.length];
    if (next === undefined || over < next) return;
    const { framework, node } = this.#pids;
    this.#readings.push({ over, frameworkMs: processorMs(framework), nodeMs: processorMs(node) });
  }

  /** @param endsMs when each life was over, in any order @param startedMs when the first was launched */
  round(endsMs: readonly number[], startedMs: number): Round {
    const sorted = [...endsMs].sort((a, b) => a - b);
    const coldMs = sorted[COLD - 1] ?? Number.NaN;
    const steadyMs = sorted[COLD + STEADY - 1] ?? Number.NaN;
    return {
      cold: this.#pace(0, COLD / (coldMs - startedMs)),
      steady: this.#pace(1, STEADY / (steadyMs - coldMs)),
    };
  }

  #pace(part: number, perMs: number): Pace {
    const [from, to] = this.#readings.slice(part);
    assert(from !== undefined && to !== undefined, 'each part of a round was looked at');
    const lives = to.over - from.over;
    return {
      perSecond: perMs * 1_000,
      frameworkMs: (to.frameworkMs - from.frameworkMs) / lives,
      nodeMs: (to.nodeMs - from.nodeMs) / lives,
    };
  }
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
  const node = await startNode(installation);
  const meter = new Meter({ framework: scheduler.process.pid, node: node.pid });
  const isOver = async () => {
    const { over } = await store.counts();
    meter.look(over);
    return over === JOBS;
  };
  await waitFor('all jobs are over', OVER_MS_MAX, isOver, ASK_EACH_MS);
  const { startedMs, endsMs } = await livesOf(store);
  return meter.round(endsMs, startedMs);
}

/** The first launch and all stored ends, by the record. */
async function livesOf(store: Store): Promise<{ startedMs: number; endsMs: readonly number[] }> {
  let startedMs = Number.POSITIVE_INFINITY;
  const endsMs: number[] = [];
  for (let page = await store.list({}); page.length > 0; ) {
    for (const job of page) {
      if (job.state !== 'over' || job.outcome.kind !== 'exited')
        throw new Error(`job ${job.id} did not end by itself`);
      startedMs = Math.min(startedMs, job.placement?.placedAt ?? Number.NaN);
      endsMs.push(job.endedAt);
    }
    const last = page.at(-1);
    page = last === undefined ? [] : await store.list({ before: last.id });
  }
  return { startedMs, endsMs };
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
  const meter = new Meter({ framework: process.pid, node: node.pid });
  const endsMs: number[] = [];
  const ended = () => {
    endsMs.push(performance.now());
    meter.look(endsMs.length);
  };
  const startedMs = await bareLoop(scope, { port, credential, jobs: JOBS, ended });
  return meter.round(endsMs, startedMs);
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
