// Jobs as columns and documents, and back. Documents are read with suspicion: a broken one names its job.
import { LOST_GRACE_MS } from '../../contracts/limits.js';
import type { JobStep, NewJob } from '../../contracts/store.js';
import type { Waits } from '../../contracts/waits.js';
import { arraySize } from '../../core/array.js';
import { unreachable } from '../../core/assert.js';
import type { HeldBack } from '../../core/dependency.js';
import { endedLaunch } from '../../core/ended-launch.js';
import {
  type Constraint,
  type ContainerFacts,
  codeOf,
  type Identity,
  isRegistryFault,
  type Job,
  type JobSpec,
  type JobState,
  type KillWanted,
  type Outcome,
  type Placement,
  type Reason,
  type Retried,
  type SystemFault,
} from '../../core/job.js';
import { pending } from '../../core/job-facts.js';
import type { Needs } from '../../core/resources.js';

import { NEVER_RETRIED } from '../../core/retry.js';
import { type Instant, instant, jobId, projectId, type UserId, userId } from '../../core/units.js';
import { DAY_MS, type DayUse, dayOf, SUM_FIELDS, sumsBy } from '../../core/usage.js';
import { REGISTRY_PAUSE_MS_MAX } from '../../core/verdict.js';
import { aftermathText } from './aftermath.js';
import type {
  AmendedColumns,
  StepColumns,
  SubmissionColumns,
  TagColumns,
  UseColumns,
} from './requests.js';
import type { Row } from './sqlite.js';

export const JOB_STATES: readonly JobState[] = [
  'pending',
  'launching',
  'running',
  'killing',
  'unreachable',
  'open',
  'over',
];

/** A record whose document does not parse, or lacks what its state demands. */
export class UnreadableRecord extends Error {
  override readonly name = 'UnreadableRecord';
  readonly id: string | number;

  constructor(id: string | number, options?: ErrorOptions) {
    super(`the record of ${id} cannot be read`, options);
    this.id = id;
  }
}

/** Columns of a whole job, in the order `jobOf` reads them. */
export const JOB_COLUMNS =
  'j.id, j.owner, j.project, j.state, j.launches, j.version, j.submitted_at, j.not_before, ' +
  'j.ended_at, j.kill_wanted_by, j.kill_wanted_at, j.life, s.asked, j.parent, j.archived_at, ' +
  'j.kill_because, j.held_by, j.held_at, j.held_admin';
/** Members share what was asked with the parent of their array. */
export const WHOLE_JOB = `SELECT ${JOB_COLUMNS} FROM jobs j JOIN submissions s ON s.id = coalesce(j.parent, j.id)`;
/** The array that an id, given twice, is a member of: the greatest one below it, if that reaches so far. */
export const ARRAY_OF = `${WHOLE_JOB} WHERE j.id = (
    SELECT id FROM jobs INDEXED BY jobs_arrays
    WHERE array_size IS NOT NULL AND id < ? ORDER BY id DESC LIMIT 1)
  AND j.id + j.array_size >= ?`;
/** What changes during a job's life and no query asks for. */
export interface LifeDocument {
  readonly faults: readonly SystemFault[];
  /** Absent: never retried, as in records of former versions. */
  readonly retried?: Retried | undefined;
  /** Of a job that waits; absent: see `pauseOf`. */
  readonly pauseMs?: number;
  /** Of a job that waits; absent: no. */
  readonly isNumberTaken?: true;
  readonly directory: string | null;
  readonly placement?: Placement | null;
  readonly startedAt?: Instant | null;
  readonly container?: ContainerFacts;
  readonly since?: Instant;
  readonly outcome?: Outcome;
  readonly killWanted?: KillWanted;
}
/** What was asked; never changes. */
interface AskedDocument {
  readonly identity: Identity;
  readonly spec: JobSpec;
}
export interface ShapeDocument {
  readonly needs: Needs;
  readonly constraints: readonly Constraint[];
  readonly queue?: string;
  /** Absent: none. */
  readonly lifespanMs?: number;
}

export const FIRST_LIFE = JSON.stringify({ faults: [], directory: null } satisfies LifeDocument);

/** Owners are escaped so that no owner and key together look like another pair. */
const idemKeyOf = (owner: UserId, key: string): string =>
  `${owner.replaceAll('%', '%25').replaceAll('/', '%2F')}/${key}`;

export function submissionColumns(job: NewJob): SubmissionColumns {
  const { spec } = job;
  return {
    owner: job.owner,
    project: job.project,
    submittedAt: job.submittedAt,
    ...askedColumns(job),
    idemKey: job.idempotencyKey === null ? null : idemKeyOf(job.owner, job.idempotencyKey),
    digest: job.digest,
    life: FIRST_LIFE,
    script: job.script,
    arraySize: spec.array === undefined ? null : arraySize(spec.array),
    arrayLimit: spec.array?.concurrencyMax ?? null,
    name: spec.name,
    heldBy: job.heldBack?.by ?? null,
    heldAt: job.heldBack?.at ?? null,
    heldByAdmin: job.heldBack === undefined ? null : Number(job.heldBack.isAdmin),
  };
}

const askedColumns = ({ identity, spec }: Pick<NewJob, 'identity' | 'spec'>): AmendedColumns => ({
  executor: spec.executor,
  shape: JSON.stringify({
    needs: spec.needs,
    constraints: spec.constraints,
    ...(spec.queue === undefined ? {} : { queue: spec.queue }),
    ...(spec.lifespanMs === null ? {} : { lifespanMs: spec.lifespanMs }),
  } satisfies ShapeDocument),
  asked: JSON.stringify({ identity, spec } satisfies AskedDocument),
  waits: waitsOf(spec),
});

/** Null for most jobs: they wait for nothing but resources. */
function waitsOf({ dependencies, beginAt, name }: JobSpec): string | null {
  if (dependencies === undefined && beginAt === undefined) return null;
  return JSON.stringify({
    ...(dependencies === undefined ? {} : { dependencies }),
    ...(dependencies?.isSingleton === true ? { name } : {}),
    ...(beginAt === undefined ? {} : { beginAt }),
  } satisfies Waits);
}

/** Columns `held_by`, `held_at`, `held_admin`. */
function heldBackOf([by, at, isAdmin]: readonly unknown[]): { readonly heldBack?: HeldBack } {
  if (by === null || by === undefined) return {};
  const held = { by: userId(String(by)), isAdmin: Number(isAdmin) === 1, at: instant(Number(at)) };
  return { heldBack: held };
}

/** As it stands in `waits`, with who holds the job back, as columns; undefined: nothing. */
export function waitsIn(text: string | null, held: readonly unknown[]): Waits | undefined {
  const waits = text === null ? {} : (JSON.parse(text) as Waits);
  const whole = { ...waits, ...heldBackOf(held) };
  return Object.keys(whole).length === 0 ? undefined : whole;
}

export function stepColumns(whole: JobStep): StepColumns {
  const { from, unlessKillWanted, to, aftermath, amends } = whole;
  return {
    id: to.id,
    fromState: from.state,
    fromLaunches: from.launches,
    unlessKillWanted,
    state: to.state,
    launches: to.launches,
    notBefore: to.state === 'pending' ? to.notBefore : null,
    endedAt: to.state === 'over' ? to.endedAt : null,
    life: JSON.stringify(lifeOf(to)),
    exitCode: to.state === 'over' ? codeOf(to.outcome) : null,
    parent: to.parent ?? null,
    use: useOf(from.state, to),
    tags: tagsOf(to),
    leavesDirectory: to.state === 'over' && to.directory !== null,
    aftermath: aftermath === undefined ? null : aftermathText(aftermath),
    amended: amends === true && to.parent === undefined ? askedColumns(to) : null,
  };
}

function tagsOf({ state, owner, project, submittedAt, spec }: Job): TagColumns | null {
  if (state !== 'over' || spec.tags.length === 0) return null;
  return { owner, project, submittedAt, tags: [...new Set(spec.tags)] };
}

function useOf(from: JobState, to: Job): UseColumns | null {
  const ended = endedLaunch(from, to);
  if (ended === null) return null;
  const { timeMs, endedAt } = ended;
  const { cpuMilli, memMb, gpus } = ended.needs;
  const day = dayOf(endedAt);
  return { day, endedMs: endedAt - day * DAY_MS, timeMs, cpuMilli, memMb, gpus };
}

/** Columns of a day's use, in the order `dayUseOf` reads them. */
export const USE_COLUMNS =
  'day, owner, project, time_ms, cpu_milli, mem_mb, gpus, cpu_milli_ms, mem_mb_ms, gpu_ms, ended';

export function dayUseOf(row: Row): DayUse {
  const [day, owner, project, ...numbers] = row;
  const sums = sumsBy((_, at) => Number(numbers[at]));
  const ended = Number(numbers[SUM_FIELDS.length]);
  return {
    owner: userId(String(owner)),
    project: projectId(String(project)),
    endedAt: instant(Math.round(Number(day) * DAY_MS + ended / sums.timeMs)),
    ...sums,
  };
}

/** What is undefined in it is not written. */
function lifeOf(job: Job): LifeDocument {
  const { faults, directory } = job;
  const retried = isRetried(job.retried) ? job.retried : undefined;
  switch (job.state) {
    case 'pending':
      return { faults, directory, retried, pauseMs: job.pauseMs, ...taken(job) };
    case 'launching':
      return { faults, directory, retried, placement: job.placement };
    case 'running': {
      const { placement, startedAt, container } = job;
      return { faults, directory, retried, placement, startedAt, container };
    }
    case 'killing': {
      const { placement, startedAt, container, killWanted } = job;
      return { faults, directory, retried, placement, startedAt, container, killWanted };
    }
    case 'unreachable': {
      const { placement, startedAt, container, since } = job;
      return { faults, directory, retried, placement, startedAt, container, since };
    }
    case 'open':
      return { faults, directory, retried, startedAt: job.startedAt };
    case 'over': {
      const { placement, startedAt, container, outcome } = job;
      return { faults, directory, retried, placement, startedAt, container, outcome };
    }
    default:
      return unreachable(job);
  }
}

/** @throws UnreadableRecord */
export function jobOf(row: Row): Job {
  const id = jobId(Number(row[0]));
  try {
    return assembled(row);
  } catch (cause) {
    throw new UnreadableRecord(id, { cause });
  }
}

function assembled(row: Row): Job {
  const [id, owner, project, state, launches, version, submittedAt] = row;
  const [
    notBefore,
    endedAt,
    killBy,
    killAt,
    lifeText,
    askedText,
    parent,
    archivedAt,
    why,
    ...held
  ] = row.slice(7);
  const life = JSON.parse(String(lifeText)) as LifeDocument;
  const { identity, spec } = JSON.parse(String(askedText)) as AskedDocument;
  const told = {
    id: jobId(Number(id)),
    owner: userId(String(owner)),
    project: projectId(String(project)),
    identity: present(identity),
    spec: completed(present(spec)),
    submittedAt: instant(Number(submittedAt)),
    launches: Number(launches),
    faults: present(life.faults),
    retried: life.retried ?? NEVER_RETRIED,
    directory: life.directory,
    killWanted: killBy === null ? null : killWantedOf([killBy, killAt, why]),
    version: Number(version),
  };
  const asked = parent === null ? told : { ...told, parent: jobId(Number(parent)) };
  const known = state as JobState;
  switch (known) {
    case 'pending': {
      const pauseMs = pauseOf(life, notBefore);
      const job = pending(asked, { notBefore: instantOrNull(notBefore), pauseMs });
      const isUsual = held[0] === null && life.isNumberTaken !== true;
      return isUsual ? job : { ...job, ...heldBackOf(held), ...taken(life) };
    }
    case 'launching':
      return { ...asked, state: known, placement: present(life.placement) };
    case 'running':
      return {
        ...asked,
        state: known,
        placement: present(life.placement),
        startedAt: present(life.startedAt),
        container: present(life.container),
      };
    case 'killing':
      return {
        ...asked,
        state: known,
        ...task(life),
        // The leader acts on a stored wish; should it ever act on its own, the record still says for whom.
        killWanted: asked.killWanted ?? present(life.killWanted),
      };
    case 'unreachable':
      return { ...asked, state: known, ...task(life), since: present(life.since) };
    case 'open':
      return { ...asked, state: known, startedAt: life.startedAt ?? null, ...heldBackOf(held) };
    case 'over':
      return {
        ...asked,
        state: known,
        outcome: present(life.outcome),
        endedAt: instant(Number(present(endedAt))),
        startedAt: life.startedAt ?? null,
        placement: life.placement ?? null,
        container: present(life.container),
        ...(archivedAt === null ? {} : { archivedAt: instant(Number(archivedAt)) }),
      };
    default:
      return unreachable(known);
  }
}

const killWantedOf = ([by, at, because]: readonly unknown[]): KillWanted => ({
  by: userId(String(by)),
  at: instant(Number(at)),
  ...(because === null ? {} : { because: JSON.parse(String(because)) as Reason }),
});

const taken = ({ isNumberTaken }: { readonly isNumberTaken?: true }) =>
  isNumberTaken === true ? { isNumberTaken } : {};

/** Records of former versions lack what was added since. */
const completed = (spec: JobSpec): JobSpec => ({
  ...spec,
  lifespanMs: spec.lifespanMs ?? null,
  retries: spec.retries ?? [],
  network: spec.network ?? null,
});

/** Former versions wrote only when a pause ends; none was longer than this. */
export function pauseOf(life: LifeDocument | null, notBefore: unknown): number {
  if (life?.pauseMs !== undefined || notBefore === null) return life?.pauseMs ?? 0;
  const last = life?.faults.at(-1);
  return last !== undefined && isRegistryFault(last) ? REGISTRY_PAUSE_MS_MAX : LOST_GRACE_MS;
}

const isRetried = ({ failures, memMbGranted, refusals }: Retried): boolean =>
  failures.length > 0 || memMbGranted !== null || refusals > 0;

const task = (life: LifeDocument) => ({
  placement: present(life.placement),
  startedAt: life.startedAt ?? null,
  container: present(life.container),
});

export const instantOrNull = (value: unknown): Instant | null =>
  value === null ? null : instant(Number(value));

export function present<T>(value: T | null | undefined): T {
  if (value === undefined || value === null) throw new Error('a field is missing');
  return value;
}

export const lifeIn = (text: string): LifeDocument => JSON.parse(text) as LifeDocument;
