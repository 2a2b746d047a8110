/**
 * `outlook-1m`: where a million waiting jobs of 500 users stand and when the first of them would start, made by the
 * leader's own code on the leader's own loop, with 1,000 agents and 10,000 tasks. Tells how long it held others up, and
 * how long people wait for an answer. The floor of the delay is the same loop without it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { SILENT } from '../src/contracts/log.js';
import { fairshare } from '../src/core/fairshare.js';
import type { LiveJob } from '../src/core/job.js';
import type { Offer } from '../src/core/matching.js';
import { ADVANCE_MS } from '../src/core/policy.js';
import { agentId, instant, jobId, projectId, taskIdOf, userId } from '../src/core/units.js';
import { DAY_MS } from '../src/core/usage.js';
import { Accounting } from '../src/daemon/accounting.js';
import { AgentLoads } from '../src/daemon/agent-loads.js';
import { Outlook } from '../src/daemon/outlook.js';
import { systemClock, systemTimers } from '../src/host/system.js';
import { aRunning } from '../test/core/samples.js';
import { MemoryStore } from '../test/support/memory-store.js';
import type { Figure } from './figure.js';
import { manyOffers, manyPending } from './many.js';

const AGENTS = 1_000;
const TASKS = 10_000;
const FLOOR_MS = 2_000;
const rounded = (value: number): number => Math.round(value * 10) / 10;

export async function outlook1m(): Promise<Figure[]> {
  const queue = manyPending({ jobs: 1_000_000, users: 500, projects: 50 });
  const live = manyTasks();
  const outlook = new Outlook(
    {
      clock: systemClock,
      timers: systemTimers,
      log: SILENT,
      policy: fairshare(),
      failed: (error) => {
        throw error;
      },
    },
    { defaultExecutor: 'mesos', reservationAfterMs: 600_000 },
    { queue, kept: () => [], ...(await cluster(live)) },
  );
  // Timers of the service keep no process alive.
  const alive = setInterval(() => {}, 1_000);
  const floorMs = await delayOf(() => sleep(FLOOR_MS));
  const startedMs = performance.now();
  let firstMs = 0;
  let estimatedMs = 0;
  const delayMs = await delayOf(async () => {
    for (;;) {
      const facts = await outlook.ask();
      const tookMs = performance.now() - startedMs;
      if (facts !== undefined) firstMs ||= tookMs;
      if (facts?.foreseen != null) estimatedMs ||= tookMs;
      if (facts?.survey.isWhole === true) break;
    }
  });
  const wholeMs = performance.now() - startedMs;
  clearInterval(alive);
  outlook.close();
  const ms = (name: string, value: number, floor: number): Figure => ({
    name: `outlook-1m ${name}`,
    value: rounded(value),
    unit: 'ms',
    floor: rounded(floor),
    ratio: Math.round((100 * floor) / value) / 100,
  });
  return [
    ms('longest-portion', outlook.longestMs, outlook.longestMs),
    ms('worst-delay-of-others', delayMs, floorMs),
    ms('first-answer', firstMs, firstMs),
    ms('estimates', estimatedMs, estimatedMs),
    ms('whole', wholeMs, wholeMs),
  ];
}

/** The longest that a timer of one millisecond was late meanwhile. */
async function delayOf(work: () => Promise<unknown>): Promise<number> {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  await work();
  delays.disable();
  return delays.max / 1e6;
}

function manyTasks(): readonly LiveJob[] {
  const now = systemClock.now();
  return Array.from({ length: TASKS }, (_, n) => {
    const agent = `a${n % AGENTS}`;
    const id = jobId(2_000_000 + n);
    const job = aRunning({
      id,
      owner: userId(`user${n % 500}`),
      project: projectId(`project${n % 50}`),
      startedAt: instant(now - 60_000),
      placement: {
        taskId: taskIdOf(id, 1),
        executor: 'mesos',
        agentId: agentId(agent),
        host: agent.replace('a', 'host'),
        placedAt: instant(now - 60_000),
        ports: [],
      },
    });
    return { ...job, spec: { ...job.spec, lifespanMs: 600_000 + 60_000 * (n % 600) } };
  });
}

async function cluster(live: readonly LiveJob[]) {
  const accounting = new Accounting(
    {
      clock: systemClock,
      timers: systemTimers,
      log: SILENT,
      failed: (error) => {
        throw error;
      },
      store: new MemoryStore(),
      storage: { measure: () => Promise.reject(new Error('there is none')) },
    },
    { usage: { kind: 'half-life', halfLifeMs: 7 * DAY_MS }, advanceMs: ADVANCE_MS },
  );
  await accounting.read(live);
  const loads = new AgentLoads();
  for (const job of live) loads.note(job.id, job);
  // Nearly full: most of the jobs that are played wait for a task to end.
  const offers = manyOffers(AGENTS).map((offer) => ({
    ...offer,
    free: { ...offer.free, cpuMilli: 1_000 },
  }));
  return {
    accounting,
    book: { loads, live: () => live.values() },
    agents: { offers: (held: readonly Offer[]) => held },
    links: new Map([['mesos', { book: { all: () => offers.values() } }]]),
  };
}
