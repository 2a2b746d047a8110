// Without surprises, what is estimated is what then happens: the same code, told everything, on another clockwork.
import t from 'tap';
import { excerptOf } from '../../src/core/excerpt.js';
import { fairshare } from '../../src/core/fairshare.js';
import { fairtree } from '../../src/core/fairtree.js';
import { Foresight } from '../../src/core/foresight.js';
import { LimitBook } from '../../src/core/limit-book.js';
import { fifo, type Policy } from '../../src/core/policy.js';
import { NO_NEEDS } from '../../src/core/resources.js';
import { Survey } from '../../src/core/survey.js';
import { instant, type JobId, jobId, projectId, userId } from '../../src/core/units.js';
import { DAY_MS } from '../../src/core/usage.js';
import { NO_LIMITS } from '../../src/daemon/limits.js';
import { type ReplayNow, replay } from '../../src/whatif/replay.js';
import { traceOf } from '../../src/whatif/trace.js';
import { SEED } from '../core/samples.js';

const MINUTE_MS = 60_000;
const CLUSTER = { agents: 3, cpuMilli: 4_000, memMb: 64_000, gpus: 0 };
const LOOK_MS = 20 * MINUTE_MS;

/** All is submitted in the first minutes, and each job takes its whole lifespan. */
function aTrace(seed: number) {
  let state = seed;
  const pick = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const jobs = Array.from({ length: 200 }, () => {
    const runMs = (1 + pick(30)) * MINUTE_MS;
    return {
      user: `user${pick(4)}`,
      project: `project${pick(2)}`,
      submittedMs: pick(10) * MINUTE_MS,
      runMs,
      needs: { ...NO_NEEDS, cpuMilli: 1_000 * (1 + pick(3)), memMb: 100 },
      lifespanMs: runMs,
    };
  });
  return traceOf(jobs, 0);
}

function estimates(now: ReplayNow, policy: Policy): ReadonlyMap<JobId, number> {
  const survey = new Survey({ ...now, policy, standings: now.usage, exactMax: 1_000 });
  while (!survey.go(1_000));
  const wanted = survey.result().first;
  const excerpt = excerptOf(now.queue, wanted);
  let made = excerpt.next();
  while (made.done !== true) made = excerpt.next();
  const foresight = new Foresight({
    policy,
    wanted,
    at: now.at,
    queue: made.value,
    usage: now.usage.copy(),
    limits: new LimitBook({ ...NO_LIMITS, advanceMs: MINUTE_MS }),
    agents: now.agents,
    running: now.running.map(({ job, agentId, startedAt }) => ({
      jobId: jobId(job.id),
      needs: job.needs,
      endsAt: instant(startedAt + job.runMs),
      expectedEnd: instant(startedAt + job.runMs),
      executor: 'replay',
      agentId,
      user: userId(job.user),
      project: projectId(job.project),
      array: null,
      startedAt,
    })),
    takesMs: (_user, { lifespanMs }) => lifespanMs,
    defaultExecutor: 'replay',
    reservationAfterMs: null,
    reservations: [],
  });
  while (foresight.step());
  return foresight.starts;
}

for (const policy of [fifo, fairshare(), fairtree()])
  t.test(`${policy.name}: starts are told within a few minutes`, async (t) => {
    let told: ReadonlyMap<JobId, number> = new Map();
    const { jobs } = replay(
      aTrace(SEED),
      CLUSTER,
      {
        policy,
        usage: { kind: 'half-life', halfLifeMs: 7 * DAY_MS },
        advanceMs: MINUTE_MS,
        reservationAfterMs: null,
      },
      (now, nowMs) => {
        if (told.size === 0 && nowMs >= LOOK_MS) told = estimates(now(), policy);
      },
    );
    const errors = jobs
      .filter(({ job }) => told.has(jobId(job.id)))
      .map(({ job, waitedMs }) => {
        const startedMs = job.submittedMs + waitedMs;
        const error = Math.abs((told.get(jobId(job.id)) ?? 0) - startedMs);
        return { error, waitMs: startedMs - LOOK_MS };
      });
    t.ok(errors.length > 100, `${errors.length} jobs waited`);
    const exact = errors.filter(({ error }) => error === 0);
    t.ok(exact.length > 20, `${exact.length} to the millisecond`);
    // Ends that lie close together share a look, so now and then another goes first, and all that follows differs.
    const middle = (values: readonly number[]) =>
      [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
    const [error, wait] = [
      middle(errors.map((one) => one.error)),
      middle(errors.map((one) => one.waitMs)),
    ];
    t.ok(
      error <= 0.1 * wait,
      `off by ${error / MINUTE_MS} min where waits are ${wait / MINUTE_MS} min`,
    );
  });
