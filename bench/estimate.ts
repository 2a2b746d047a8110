/**
 * `estimate`: how far estimated starts are from what then happened. Synthetic workloads are replayed; at regular instants
 * each waiting job gets an estimate from what is known then (lifespans, how long jobs took that ended), and the replay
 * goes on, with jobs that nobody knew of. The floor is to say "now" to everybody.
 */
import { excerptOf } from '../src/core/excerpt.js';
import { fairshare } from '../src/core/fairshare.js';
import { Foresight } from '../src/core/foresight.js';
import { Lifetimes } from '../src/core/lifetimes.js';
import { LimitBook } from '../src/core/limit-book.js';
import { Survey } from '../src/core/survey.js';
import { instant, jobId, projectId, userId } from '../src/core/units.js';
import { likeOf } from '../src/daemon/ends.js';
import { NO_LIMITS } from '../src/daemon/limits.js';
import { type ReplayNow, replay } from '../src/whatif/replay.js';
import type { Trace, TraceJob } from '../src/whatif/trace.js';
import { RULES } from './fairness.js';
import type { Figure } from './figure.js';
import { FAIRNESS_CLUSTER, fairnessTraces } from './traces.js';

const MINUTE_MS = 60_000;
/** Estimates are made this often, for all that wait. */
const EACH_MS = 60 * MINUTE_MS;
const policy = fairshare();
const EXECUTOR = 'replay';
const QUARTILES = { likely: 0.5, early: 0.25, late: 0.75 } as const;

/** One estimate, in milliseconds since the begin of the trace. */
interface Said {
  readonly job: number;
  readonly at: number;
  readonly likely: number;
  readonly early: number;
  readonly late: number;
}

export function estimate(): Figure[] {
  return Object.entries(fairnessTraces()).flatMap(([name, trace]) => figuresFor(name, trace));
}

function figuresFor(name: string, trace: Trace): Figure[] {
  const lifetimes = new Lifetimes();
  const likes = likesOf(trace);
  const said: Said[] = [];
  let next = EACH_MS;
  let asked = 0;
  let running = new Map<number, { readonly job: TraceJob; readonly endMs: number }>();
  const { jobs } = replay(trace, FAIRNESS_CLUSTER, { ...RULES, policy }, (now, nowMs) => {
    if (nowMs < next) return;
    next += EACH_MS;
    const state = now();
    running = noteEnds(running, { state, lifetimes, likes });
    asked += state.queue.size;
    said.push(...estimates(state, lifetimes, likes));
  });
  const started = new Map(jobs.map(({ job, waitedMs }) => [job.id, job.submittedMs + waitedMs]));
  const startOf = ({ job }: Said): number => started.get(job) ?? Number.NaN;
  const errors = said.map((one) => Math.abs(one.likely - startOf(one)));
  const floors = said.map((one) => startOf(one) - one.at);
  const within = said.filter((one) => one.early <= startOf(one) && startOf(one) <= one.late);
  console.error(
    `${name}: ${said.length} estimates for ${asked} jobs; error in minutes, quartiles ${minutes(errors, 0.25)} ${minutes(errors, 0.5)} ${minutes(errors, 0.75)}, nine of ten below ${minutes(errors, 0.9)}; ${Math.round((100 * within.length) / said.length)} % began within the range told`,
  );
  return [0.5, 0.9].map((part) => {
    const [value, floor] = [minutes(errors, part), minutes(floors, part)];
    const title = `estimate ${name} ${part === 0.5 ? 'median' : 'nine-of-ten'}-error`;
    return {
      name: title,
      value,
      unit: 'min',
      floor,
      ratio: Math.round((100 * floor) / value) / 100,
    };
  });
}

const shapeOf = ({ needs, lifespanMs }: TraceJob) => ({
  needs,
  lifespanMs,
  constraints: [],
  executor: null,
});

/** Text of likeness by job. */
const likesOf = (trace: Trace): ReadonlyMap<number, string> =>
  new Map(trace.jobs.map((job) => [job.id, likeOf(userId(job.user), shapeOf(job))]));

interface Known {
  readonly state: ReplayNow;
  readonly lifetimes: Lifetimes;
  readonly likes: ReadonlyMap<number, string>;
}

/** Those that ran at the last look and no more: their lengths are known from now on. */
function noteEnds(
  before: ReadonlyMap<number, { readonly job: TraceJob; readonly endMs: number }>,
  { state, lifetimes, likes }: Known,
): Map<number, { readonly job: TraceJob; readonly endMs: number }> {
  const now = new Map(
    state.running.map(({ job, startedAt }) => [job.id, { job, endMs: startedAt + job.runMs }]),
  );
  for (const [id, { job }] of before)
    if (!now.has(id)) lifetimes.note(likes.get(id) ?? '', job.lifespanMs, job.runMs);
  return now;
}

function estimates(
  state: ReplayNow,
  lifetimes: Lifetimes,
  likes: ReadonlyMap<number, string>,
): Said[] {
  const { queue, at, usage } = state;
  const survey = new Survey({ queue, policy, standings: usage, at, exactMax: 3_000 });
  while (!survey.go(1_000));
  const wanted = survey.result().first;
  const play = (quantile: number): Foresight => {
    const foresight = new Foresight({
      at,
      policy,
      wanted,
      queue: whole(excerptOf(queue, wanted)),
      usage: usage.copy(),
      limits: new LimitBook({ ...NO_LIMITS, advanceMs: RULES.advanceMs }),
      agents: state.agents,
      running: runningNow(state, lifetimes, likes, quantile),
      takesMs: (user, { needs, lifespanMs, constraints, executor }) =>
        lifetimes.expected(
          {
            like: likeOf(user, { needs, lifespanMs, constraints, executor }),
            lifespanMs,
            ranMs: 0,
          },
          quantile,
        ).totalMs,
      defaultExecutor: EXECUTOR,
      reservationAfterMs: RULES.reservationAfterMs,
      reservations: state.reservations,
    });
    while (foresight.step());
    return foresight;
  };
  const [likely, early, late] = [QUARTILES.likely, QUARTILES.early, QUARTILES.late].map(play);
  return wanted.flatMap((job) => {
    const three = [likely, early, late].map((one) => one?.starts.get(job));
    const [first, ...others] = three.filter((one) => one !== undefined);
    if (first === undefined || others.length < 2) return [];
    const all = [first, ...others];
    return [{ job, at, likely: first, early: Math.min(...all), late: Math.max(...all) }];
  });
}

function whole<T>(work: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

const runningNow = (
  { running, at }: ReplayNow,
  lifetimes: Lifetimes,
  likes: ReadonlyMap<number, string>,
  quantile: number,
) =>
  running.map(({ job, agentId, startedAt }) => {
    const ranMs = at - startedAt;
    const unfinished = { like: likes.get(job.id) ?? '', lifespanMs: job.lifespanMs, ranMs };
    const { totalMs } = lifetimes.expected(unfinished, quantile);
    return {
      jobId: jobId(job.id),
      needs: job.needs,
      endsAt: job.lifespanMs === null ? null : instant(startedAt + job.lifespanMs),
      executor: EXECUTOR,
      agentId,
      user: userId(job.user),
      project: projectId(job.project),
      array: null,
      startedAt,
      expectedEnd: totalMs === null ? null : instant(startedAt + Math.max(ranMs, totalMs)),
    };
  });

function minutes(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round((sorted[Math.floor(part * sorted.length)] ?? Number.NaN) / 6_000) / 10;
}
