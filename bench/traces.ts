/** Synthetic workloads for the benchmark of fairness: seeded, so that every run replays the same. */
import { NO_NEEDS } from '../src/core/resources.js';
import { type Trace, type TraceJob, traceOf } from '../src/whatif/trace.js';

/** A linear congruential step: weak, but short and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

type Job = Omit<TraceJob, 'id'>;

/** What users say: a round number of hours above what they expect. */
const LIFESPANS_MS = [0.5, 1, 2, 4, 8].map((hours) => hours * HOUR);

const aJob = (user: string, submittedMs: number, cpus: number, minutes: number): Job => {
  const lifespanMs = LIFESPANS_MS.find((ms) => ms >= 1.5 * minutes * MINUTE) ?? 8 * HOUR;
  return {
    user,
    project: 'default',
    submittedMs: Math.round(submittedMs),
    runMs: Math.min(lifespanMs, Math.round(minutes * MINUTE)),
    needs: { ...NO_NEEDS, cpuMilli: cpus * 1_000, memMb: cpus * 4_000 },
    lifespanMs,
  };
};

/** Mostly short, now and then long. */
const someMinutes = (random: () => number): number => 2 - 12 * Math.log(1 - random());

/** Six users; the first submits half of all jobs, each next half as many. For twenty hours that is more than the cluster can do. */
function sixUsers(): Job[] {
  const random = seeded(1);
  return Array.from({ length: 5_000 }, (_, n) => {
    const user = Math.min(5, Math.floor(-Math.log2(1 - random())));
    return aJob(
      `user${user}`,
      (n / 5_000) * 20 * HOUR,
      1 + Math.floor(random() * 4),
      someMinutes(random),
    );
  });
}

/** Four users with a steady load of four fifths of the cluster, and one who submits five hours of work at once. */
function burst(): Job[] {
  const random = seeded(2);
  const steady = Array.from({ length: 3_000 }, (_, n) =>
    aJob(
      `steady${n % 4}`,
      (n / 3_000) * 20 * HOUR,
      1 + Math.floor(random() * 3),
      someMinutes(random),
    ),
  );
  const all = Array.from({ length: 1_500 }, () => aJob('burst', 2 * HOUR, 2, someMinutes(random)));
  return [...steady, ...all];
}

/** A stream of single cpus that fills the cluster, and now and then a job that needs a whole agent. */
function largeAgainstSmall(): Job[] {
  const random = seeded(3);
  const small = Array.from({ length: 7_000 }, (_, n) =>
    aJob(`small${n % 3}`, (n / 7_000) * 12 * HOUR, 1, someMinutes(random)),
  );
  const large = Array.from({ length: 12 }, (_, n) =>
    aJob('large', (n + 0.5) * HOUR, 16, 20 + 20 * random()),
  );
  return [...small, ...large];
}

/** Two days: by day five users submit twice what the cluster can do, by night one fills it with long jobs. */
function dayAndNight(): Job[] {
  const random = seeded(4);
  const day = Array.from({ length: 4_000 }, (_, n) => {
    const hours = (n % 2) * 24 + 8 + random() * 8;
    return aJob(`day${n % 5}`, hours * HOUR, 1 + Math.floor(random() * 4), someMinutes(random));
  });
  const night = Array.from({ length: 500 }, (_, n) =>
    aJob('night', ((n % 2) * 24 + random() * 2) * HOUR, 4, 60 + 60 * random()),
  );
  return [...day, ...night];
}

/** Eight agents of sixteen cpus. */
export const FAIRNESS_CLUSTER = { agents: 8, cpuMilli: 16_000, memMb: 64_000, gpus: 0 };

export const fairnessTraces = (): Readonly<Record<string, Trace>> => ({
  'six-users': traceOf(sixUsers(), 0),
  burst: traceOf(burst(), 0),
  'large-and-small': traceOf(largeAgainstSmall(), 0),
  'day-and-night': traceOf(dayAndNight(), 0),
});
