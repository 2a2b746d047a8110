/** How the scheduler of a process is, among its metrics. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ToldAgents } from '../../contracts/agents.js';
import type { Events } from '../../contracts/events.js';
import { CLOSED_STATES } from '../../core/closure.js';
import type { SchedulerStatus } from '../../daemon/scheduler.js';
import { type JobTally, TALLY_STATES } from '../../daemon/tally.js';

/** A cycle has 5 ms to be unnoticed, and a second before something is wrong. */
const CYCLE_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** From an idle cluster to a week in line. */
const WAIT_BUCKETS = [
  0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 43_200, 86_400, 259_200, 604_800,
];
const OUTCOMES = ['exited', 'killed', 'gaveUp', 'unknown'] as const;

/** What happens on the way of a job: a count or a bucket each, no more. */
export function eventMetrics(metrics: Registry, events: Events): void {
  const registers = [metrics];
  const cycles = new Histogram({
    name: 'godocker_cycle_seconds',
    help: 'Length of a cycle: order, match, plan',
    buckets: CYCLE_BUCKETS,
    registers,
  });
  const waits = new Histogram({
    name: 'godocker_job_wait_seconds',
    help: 'From the submission of a job to its first start',
    buckets: WAIT_BUCKETS,
    registers,
  });
  const launched = new Counter({
    name: 'godocker_jobs_launched_total',
    help: 'Launches of jobs that reached a cluster',
    registers,
  });
  const ended = new Counter({
    name: 'godocker_jobs_ended_total',
    help: 'Jobs that are over, by outcome; gaveUp and unknown are not their own doing',
    labelNames: ['outcome'] as const,
    registers,
  });
  for (const outcome of OUTCOMES) ended.inc({ outcome }, 0);
  events.on('cycle:finished', ({ tookMs }) => cycles.observe(tookMs / 1_000));
  events.on('job:launched', () => launched.inc());
  events.on('job:started', ({ waitedMs, isFirst }) => {
    if (isFirst) waits.observe(waitedMs / 1_000);
  });
  events.on('job:ended', ({ outcome }) => ended.inc({ outcome }));
}

/** What web servers take in. */
export function submissionMetrics(metrics: Registry, events: Events): void {
  const submitted = new Counter({
    name: 'godocker_jobs_submitted_total',
    help: 'Jobs that this process took in; an array counts as one',
    registers: [metrics],
  });
  events.on('job:submitted', () => submitted.inc());
}

/** Where it is told how the scheduler stands. */
export interface SchedulerView {
  status(): SchedulerStatus;
  tally(): JobTally;
}

export function schedulerGauges(metrics: Registry, scheduler: SchedulerView): void {
  const status = () => scheduler.status();
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `godocker_scheduler_${name}`,
      help,
      registers: [metrics],
      collect() {
        this.set(read());
      },
    });
  gauge('leading', '1 while this scheduler leads', () => Number(status().isLeading));
  gauge('ready', '1 while it leads, has read the record and has asked for its clusters', () =>
    Number(status().isReady),
  );
  gauge('trouble', 'Reasons why work does not go on as it should, as in /readyz', () =>
    status().isLeading ? status().trouble.length : 0,
  );
  gauge('pending', 'Jobs that wait, as the leader knows', () => status().pending);
  gauge('live', 'Jobs that hold a task, as the leader knows', () => status().live);
  gauge('orphans', 'Tasks that no job holds and that were left alive', () => status().orphans);
  new Gauge({
    name: 'godocker_scheduler_agents_closed',
    help: 'Agents that take no new jobs, or soon will not, as the leader knows',
    labelNames: ['state'] as const,
    registers: [metrics],
    collect() {
      const { agents } = status();
      for (const state of CLOSED_STATES) this.set({ state }, agents[state]);
    },
  });
  jobGauges(metrics, scheduler);
}

function jobGauges(metrics: Registry, scheduler: SchedulerView): void {
  new Gauge({
    name: 'godocker_jobs',
    help: 'Jobs by state, as the leader knows; 0 where this scheduler does not lead',
    labelNames: ['state'] as const,
    registers: [metrics],
    collect() {
      const { states } = scheduler.tally();
      for (const state of TALLY_STATES) this.set({ state }, states[state]);
    },
  });
  new Gauge({
    name: 'godocker_queue_jobs',
    help: 'Jobs by queue of the site, those that are ready (waiting) and those that hold a task (live); without a queue: the empty name',
    labelNames: ['queue', 'state'] as const,
    registers: [metrics],
    collect() {
      this.reset();
      for (const [queue, tally] of scheduler.tally().queues)
        for (const state of ['waiting', 'live'] as const) this.set({ queue, state }, tally[state]);
    },
  });
}

export interface AgentMetrics {
  /** What the cluster told just now; null: it did not. */
  told(agents: ToldAgents | null): void;
}

/** Agents as the cluster tells; nothing is shown while it tells nothing. */
export function agentMetrics(metrics: Registry): AgentMetrics {
  const gauge = new Gauge({
    name: 'godocker_scheduler_agents',
    help: 'Agents that the cluster tells of: connected to it and in use (active), or not (inactive)',
    labelNames: ['state'] as const,
    registers: [metrics],
  });
  return {
    told: (told) => {
      gauge.reset();
      if (told === null) return;
      const active = told.agents.filter(({ isActive }) => isActive).length;
      gauge.set({ state: 'active' }, active);
      gauge.set({ state: 'inactive' }, told.agents.length - active);
    },
  };
}
