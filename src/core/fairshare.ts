/**
 * GoDocker's published fair share: a weighted sum of what the user and the project have used, each between the least
 * and the most of those who wait, of their priorities, and of how long the job has waited.
 */
import type { AccountView, Policy, Ranking, Standing, Standings, Sums } from './policy.js';
import { NO_USE, PRIO_MAX, PRIO_USUAL, PROJECT_OF_ALL } from './policy.js';
import type { Needs } from './resources.js';
import type { Instant } from './units.js';

export interface FairshareWeights {
  readonly waiting: number;
  readonly userTime: number;
  readonly userCpu: number;
  readonly userRam: number;
  readonly projectTime: number;
  readonly projectCpu: number;
  readonly projectRam: number;
  readonly user: number;
  readonly project: number;
}

/** Those of the original. */
export const FAIRSHARE_WEIGHTS: FairshareWeights = {
  waiting: 0.1,
  userTime: 1,
  userCpu: 0.2,
  userRam: 0.2,
  projectTime: 0.1,
  projectCpu: 0.01,
  projectRam: 0.01,
  user: 1,
  project: 1,
};

export interface FairshareOptions {
  readonly weights: FairshareWeights;
  /** Duration charged in advance for a job that is placed, until its end settles the true one. */
  readonly advanceMs: number;
}

export const FAIRSHARE_OPTIONS: FairshareOptions = {
  weights: FAIRSHARE_WEIGHTS,
  advanceMs: 600_000,
};

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Seconds, cpus and GB, as the original counts; below 1 of these a difference is none. */
interface Terms {
  readonly time: number;
  readonly cpu: number;
  readonly ram: number;
}

type TermBounds = Readonly<Record<keyof Terms, Bounds>>;

export const fairshare = ({
  weights,
  advanceMs,
}: FairshareOptions = FAIRSHARE_OPTIONS): Policy => ({
  name: 'fairshare',
  begin: (accounts, standings, at) => begin(accounts, standings, at, { weights, advanceMs }),
});

function begin(
  accounts: readonly AccountView[],
  standings: Standings,
  at: Instant,
  { weights, advanceMs }: FairshareOptions,
): Ranking {
  const users = accounts.map(({ user }) => standings.user(user));
  const projects = accounts.map(({ project }) =>
    project === PROJECT_OF_ALL ? undefined : standings.project(project),
  );
  const userBounds = boundsOf(users.map(usedBy));
  const projectBounds = boundsOf(projects.map(usedBy));
  const waits = accounts.flatMap(({ head, newestAt }) => [
    (at - head.submittedAt) / 1_000,
    (at - newestAt) / 1_000,
  ]);
  const waitBounds = { min: least(waits), max: most(waits) };

  /** All of an account's score but the waiting term, which belongs to its head. */
  const standing = Float64Array.from(accounts, ({ project }, index) => {
    const isDefault = project === PROJECT_OF_ALL;
    const byUser = weighted(usedBy(users[index]), userBounds, userWeights(weights));
    const used = isDefault ? topOf(projectBounds) : usedBy(projects[index]);
    const byProject = weighted(used, projectBounds, projectWeights(weights));
    return (
      byUser + byProject + due(users[index]) * weights.user + due(projects[index]) * weights.project
    );
  });

  return {
    score: (account, head) => {
      const waited = norm((at - head.submittedAt) / 1_000, waitBounds);
      return (standing[account] ?? 0) + (1 - waited) * weights.waiting;
    },
    charged: (account, needs) => {
      const advance = advanceOf(needs, advanceMs);
      const isDefault = accounts[account]?.project === PROJECT_OF_ALL;
      const byUser = rise(advance, userBounds, userWeights(weights));
      const byProject = isDefault ? 0 : rise(advance, projectBounds, projectWeights(weights));
      standing[account] = (standing[account] ?? 0) + byUser + byProject;
    },
  };
}

/** 0 for the least, 1 for the most; when they hardly differ, the middle for all. */
const norm = (value: number, { min, max }: Bounds): number =>
  max - min < 1 ? 0.5 : (value - min) / (max - min);

const weighted = (terms: Terms, bounds: TermBounds, weights: Terms): number =>
  norm(terms.time, bounds.time) * weights.time +
  norm(terms.cpu, bounds.cpu) * weights.cpu +
  norm(terms.ram, bounds.ram) * weights.ram;

/** By how much a score grows with an advance: the slope of `norm`, and never flat, so that bursts take turns. */
const rise = (advance: Terms, bounds: TermBounds, weights: Terms): number =>
  (advance.time / span(bounds.time)) * weights.time +
  (advance.cpu / span(bounds.cpu)) * weights.cpu +
  (advance.ram / span(bounds.ram)) * weights.ram;

const span = ({ min, max }: Bounds): number => Math.max(1, max - min);

const usedBy = (standing: Standing | undefined): Terms => termsOf(standing?.used ?? NO_USE);

const termsOf = ({ timeMs, cpuMilli, memMb }: Sums): Terms => ({
  time: timeMs / 1_000,
  cpu: cpuMilli / 1_000,
  ram: memMb / 1_000,
});

const advanceOf = ({ cpuMilli, memMb }: Needs, timeMs: number): Terms =>
  termsOf({ timeMs, cpuMilli, memMb });

/** The more a user or project is due, the less is added. */
const due = (standing: Standing | undefined): number =>
  1 - (standing?.prio ?? PRIO_USUAL) / PRIO_MAX;

const userWeights = (weights: FairshareWeights): Terms => ({
  time: weights.userTime,
  cpu: weights.userCpu,
  ram: weights.userRam,
});

const projectWeights = (weights: FairshareWeights): Terms => ({
  time: weights.projectTime,
  cpu: weights.projectCpu,
  ram: weights.projectRam,
});

function boundsOf(all: readonly Terms[]): TermBounds {
  const of = (name: keyof Terms): Bounds => {
    const values = all.map((terms) => terms[name]);
    return { min: least(values), max: most(values) };
  };
  return { time: of('time'), cpu: of('cpu'), ram: of('ram') };
}

const topOf = (bounds: TermBounds): Terms => ({
  time: bounds.time.max,
  cpu: bounds.cpu.max,
  ram: bounds.ram.max,
});

const least = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);

const most = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
