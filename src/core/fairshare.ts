/**
 * GoDocker's published fair share: a weighted sum of what the user and the project have used, each between the least
 * and the most of those who wait, of their priorities, and of how long the job has waited. Added to it are terms for
 * GPUs; where nobody has used one they are nothing, and the score is the published one.
 */
import {
  type AccountView,
  ADVANCE_MS,
  type Head,
  type Policy,
  PRIO_MAX,
  PRIO_USUAL,
  PROJECT_OF_ALL,
  type Ranking,
  type Standing,
  type Standings,
  type Term,
} from './policy.js';
import type { Needs } from './resources.js';
import type { Instant } from './units.js';
import { NO_USE, type Sums, sumsOf } from './usage.js';

export interface FairshareWeights {
  readonly waiting: number;
  readonly userTime: number;
  readonly userCpu: number;
  readonly userRam: number;
  readonly userGpu: number;
  readonly projectTime: number;
  readonly projectCpu: number;
  readonly projectRam: number;
  readonly projectGpu: number;
  readonly user: number;
  readonly project: number;
}

/** Those of the original; GPUs, which it did not count, weigh as cpus. */
export const FAIRSHARE_WEIGHTS: FairshareWeights = {
  waiting: 0.1,
  userTime: 1,
  userCpu: 0.2,
  userRam: 0.2,
  userGpu: 0.2,
  projectTime: 0.1,
  projectCpu: 0.01,
  projectRam: 0.01,
  projectGpu: 0.01,
  user: 1,
  project: 1,
};

export interface FairshareOptions {
  readonly weights: FairshareWeights;
}

export const FAIRSHARE_OPTIONS: FairshareOptions = { weights: FAIRSHARE_WEIGHTS };

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Seconds, cpus, GB and GPUs, as the original counts; below 1 of these a difference is none. */
const KINDS = ['time', 'cpu', 'ram', 'gpu'] as const;
type Kind = (typeof KINDS)[number];
type Amounts = Readonly<Record<Kind, number>>;
type AmountBounds = Readonly<Record<Kind, Bounds>>;
const UNITS: Readonly<Record<Kind, string>> = { time: 's', cpu: 'cpus', ram: 'GB', gpu: 'gpus' };

export const fairshare = ({ weights }: FairshareOptions = FAIRSHARE_OPTIONS): Policy => ({
  name: 'fairshare',
  begin: (accounts, standings, at) => new Fairshare(accounts, { standings, at, weights }),
});

interface Given {
  readonly standings: Standings;
  readonly at: Instant;
  readonly weights: FairshareWeights;
}

class Fairshare implements Ranking {
  readonly #accounts: readonly AccountView[];
  readonly #given: Given;
  readonly #userWeights: Amounts;
  readonly #projectWeights: Amounts;
  readonly #userBounds: AmountBounds;
  readonly #projectBounds: AmountBounds;
  readonly #waitBounds: Bounds;
  /** All of an account's score but the waiting term, which belongs to its head. */
  readonly #fixed: Float64Array;
  /** By how much a score grows when a job of these needs is placed: jobs share needs, and bounds stay. */
  readonly #rises = new Map<Needs, { readonly byUser: number; readonly byProject: number }>();

  constructor(accounts: readonly AccountView[], given: Given) {
    const { standings, at, weights } = given;
    this.#accounts = accounts;
    this.#given = given;
    this.#userWeights = {
      time: weights.userTime,
      cpu: weights.userCpu,
      ram: weights.userRam,
      gpu: weights.userGpu,
    };
    this.#projectWeights = {
      time: weights.projectTime,
      cpu: weights.projectCpu,
      ram: weights.projectRam,
      gpu: weights.projectGpu,
    };
    const userOf = once((id: AccountView['user']) => owed(standings.user(id)));
    const projectOf = once((id: AccountView['project']) => owed(this.#project(id)));
    const users = accounts.map(({ user }) => userOf(user));
    const projects = accounts.map(({ project }) => projectOf(project));
    this.#userBounds = boundsOf(users);
    this.#projectBounds = boundsOf(projects);
    this.#waitBounds = waitBounds(accounts, at);
    this.#fixed = Float64Array.from(accounts, (account, index) => {
      const user = users[index] ?? NOTHING_OWED;
      const project = projects[index] ?? NOTHING_OWED;
      return (
        weighted(user.used, this.#userBounds, this.#userWeights) +
        weighted(this.#projectUse(account, project), this.#projectBounds, this.#projectWeights) +
        user.due * weights.user +
        project.due * weights.project
      );
    });
  }

  score(account: number, head: Head): number {
    return (this.#fixed[account] ?? 0) + (1 - this.#waited(head)) * this.#given.weights.waiting;
  }

  charged(account: number, needs: Needs): void {
    let rises = this.#rises.get(needs);
    if (rises === undefined) {
      rises = this.#risesOf(needs);
      this.#rises.set(needs, rises);
    }
    const { byUser, byProject } = rises;
    const isOfAll = this.#accounts[account]?.project === PROJECT_OF_ALL;
    this.#fixed[account] = (this.#fixed[account] ?? 0) + byUser + (isOfAll ? 0 : byProject);
  }

  /** As they were when the cycle began. */
  terms(account: number, head: Head): readonly Term[] {
    const view = this.#accounts[account];
    if (view === undefined) return [];
    const { weights, standings, at } = this.#given;
    const user = standings.user(view.user);
    const project = this.#project(view.project);
    const used = this.#projectUse(view, owed(project));
    return [
      term('waiting_time', {
        raw: (at - head.submittedAt) / 1_000,
        unit: 's',
        normalised: 1 - this.#waited(head),
        weight: weights.waiting,
      }),
      ...useTerms('user', usedBy(user), this.#userBounds, this.#userWeights),
      ...useTerms('group', used, this.#projectBounds, this.#projectWeights),
      term('user', { raw: prioOf(user), unit: '', normalised: due(user), weight: weights.user }),
      term('group', {
        raw: prioOf(project),
        unit: '',
        normalised: due(project),
        weight: weights.project,
      }),
    ];
  }

  #risesOf(needs: Needs) {
    const advance = amountsOf(sumsOf(needs, this.#given.standings.advanceMs ?? ADVANCE_MS));
    return {
      byUser: rise(advance, this.#userBounds, this.#userWeights),
      byProject: rise(advance, this.#projectBounds, this.#projectWeights),
    };
  }

  #waited(head: Head): number {
    return norm((this.#given.at - head.submittedAt) / 1_000, this.#waitBounds);
  }

  /** Of the project that everybody is in nothing is looked up: it has the usual priority. */
  #project(id: AccountView['project']): Standing | undefined {
    return id === PROJECT_OF_ALL ? undefined : this.#given.standings.project(id);
  }

  /** Everybody is in it who is in no other, so it counts as the one that used most. */
  #projectUse({ project }: AccountView, { used }: Owed): Amounts {
    if (project !== PROJECT_OF_ALL) return used;
    const { time, cpu, ram, gpu } = this.#projectBounds;
    return { time: time.max, cpu: cpu.max, ram: ram.max, gpu: gpu.max };
  }
}

/** What a user or project has used, and by how much its score is raised for how little it is due. */
interface Owed {
  readonly used: Amounts;
  readonly due: number;
}

/** Many accounts have one user or project: what is known of these is looked up once. */
function once<Id, Found>(look: (id: Id) => Found): (id: Id) => Found {
  const known = new Map<Id, { readonly found: Found }>();
  return (id) => {
    let one = known.get(id);
    if (one === undefined) {
      one = { found: look(id) };
      known.set(id, one);
    }
    return one.found;
  };
}

const term = (name: string, parts: Omit<Term, 'name' | 'value'>): Term => ({
  name,
  ...parts,
  value: parts.normalised * parts.weight,
});

const useTerms = (
  whose: 'user' | 'group',
  used: Amounts,
  bounds: AmountBounds,
  weights: Amounts,
): Term[] =>
  KINDS.map((kind) =>
    term(`${whose}_${kind}`, {
      raw: used[kind],
      unit: UNITS[kind],
      normalised: normOf(kind, used, bounds),
      weight: weights[kind],
    }),
  );

/** 0 for the least, 1 for the most; when they hardly differ, the middle for all. */
const norm = (value: number, { min, max }: Bounds): number =>
  max - min < 1 ? 0.5 : (value - min) / (max - min);

/** GPUs that nobody has used are no term at all: most sites have none, and the formula is older than they are. */
const normOf = (kind: Kind, used: Amounts, bounds: AmountBounds): number =>
  kind === 'gpu' && bounds.gpu.max === 0 ? 0 : norm(used[kind], bounds[kind]);

const weighted = (used: Amounts, bounds: AmountBounds, weights: Amounts): number =>
  normOf('time', used, bounds) * weights.time +
  normOf('cpu', used, bounds) * weights.cpu +
  normOf('ram', used, bounds) * weights.ram +
  normOf('gpu', used, bounds) * weights.gpu;

/** By how much a score grows with an advance: the slope of `norm`, and never flat, so that bursts take turns. */
const rise = (advance: Amounts, bounds: AmountBounds, weights: Amounts): number =>
  (advance.time / span(bounds.time)) * weights.time +
  (advance.cpu / span(bounds.cpu)) * weights.cpu +
  (advance.ram / span(bounds.ram)) * weights.ram +
  (advance.gpu / span(bounds.gpu)) * weights.gpu;

const span = ({ min, max }: Bounds): number => Math.max(1, max - min);

const usedBy = (standing: Standing | undefined): Amounts => amountsOf(standing?.used ?? NO_USE);

const amountsOf = ({ timeMs, cpuMilli, memMb, gpus }: Sums): Amounts => ({
  time: timeMs / 1_000,
  cpu: cpuMilli / 1_000,
  ram: memMb / 1_000,
  gpu: gpus,
});

const prioOf = (standing: Standing | undefined): number => standing?.prio ?? PRIO_USUAL;

/** The more a user or project is due, the less is added. */
const due = (standing: Standing | undefined): number => 1 - prioOf(standing) / PRIO_MAX;

const owed = (standing: Standing | undefined): Owed => ({
  used: usedBy(standing),
  due: due(standing),
});

const NOTHING_OWED = owed(undefined);

const noBounds = (): { min: number; max: number } => ({
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
});

function boundsOf(all: readonly Owed[]): AmountBounds {
  const bounds = { time: noBounds(), cpu: noBounds(), ram: noBounds(), gpu: noBounds() };
  for (const { used } of all) for (const kind of KINDS) widen(bounds[kind], used[kind]);
  return bounds;
}

/** In seconds, from the youngest to the oldest job that waits. */
function waitBounds(accounts: readonly AccountView[], at: Instant): Bounds {
  const bounds = noBounds();
  for (const { head, newestAt } of accounts)
    for (const since of [head.submittedAt, newestAt]) widen(bounds, (at - since) / 1_000);
  return bounds;
}

function widen(bounds: { min: number; max: number }, value: number): void {
  if (value < bounds.min) bounds.min = value;
  if (value > bounds.max) bounds.max = value;
}
