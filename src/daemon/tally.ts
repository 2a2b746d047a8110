/** How many jobs stand where, as the leader knows: counted when monitoring asks, never on the way of a job. */
import type { LiveJob } from '../core/job.js';
import type { PendingQueue } from '../core/queue.js';
import { needsOf } from '../core/retry.js';

export const TALLY_STATES = [
  /** Ready: resources are all they wait for. */
  'waiting',
  /** Set aside until the pause before their next launch is over. */
  'paused',
  /** Held by somebody, or waiting for a date or for other jobs. */
  'withheld',
  'launching',
  'running',
  'killing',
  'unreachable',
] as const;
export type TallyState = (typeof TALLY_STATES)[number];

export interface JobTally {
  readonly states: Readonly<Record<TallyState, number>>;
  /** By queue of the site; the empty name: in none. Only queues with jobs. */
  readonly queues: ReadonlyMap<string, QueueTally>;
  /** What live jobs hold, together. */
  readonly held: { readonly cpuMilli: number; readonly memMb: number; readonly gpus: number };
}

export interface QueueTally {
  /** Ready ones. */
  waiting: number;
  /** Those that hold a task, or may. */
  live: number;
}

const NONE: JobTally['states'] = Object.freeze({
  waiting: 0,
  paused: 0,
  withheld: 0,
  launching: 0,
  running: 0,
  killing: 0,
  unreachable: 0,
});

/** Of a scheduler that does not lead. */
export const EMPTY_TALLY: JobTally = {
  states: NONE,
  queues: new Map(),
  held: { cpuMilli: 0, memMb: 0, gpus: 0 },
};

/** Costs what there are accounts and live jobs, not what waits. */
export function tallyOf(
  queue: Pick<PendingQueue, 'accounts' | 'asideSize'>,
  live: Iterable<LiveJob>,
  withheld: number,
): JobTally {
  const states = { ...NONE, paused: queue.asideSize, withheld };
  const queues = new Map<string, QueueTally>();
  const of = (name: string): QueueTally => {
    const tally = queues.get(name) ?? { waiting: 0, live: 0 };
    queues.set(name, tally);
    return tally;
  };
  const held = { cpuMilli: 0, memMb: 0, gpus: 0 };
  for (const account of queue.accounts()) {
    states.waiting += account.size;
    of(account.queue ?? '').waiting += account.size;
  }
  for (const job of live) {
    states[job.state] += 1;
    of(job.spec.queue ?? '').live += 1;
    const needs = needsOf(job);
    held.cpuMilli += needs.cpuMilli;
    held.memMb += needs.memMb;
    held.gpus += needs.gpus;
  }
  return { states, queues, held };
}
