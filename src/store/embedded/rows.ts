// Jobs as columns and documents, and back. Documents are read with suspicion: a broken one names its job.
import type {
  JobStep,
  NewJob,
  PendingRow,
  Priorities,
  ProjectRecord,
  UserRecord,
} from '../../contracts/store.js';
import { unreachable } from '../../core/assert.js';
import {
  type Constraint,
  type ContainerFacts,
  failedHosts,
  type Identity,
  type Job,
  type JobSpec,
  type JobState,
  type KillWanted,
  type Outcome,
  type OverJob,
  type Placement,
  type SystemFault,
} from '../../core/job.js';
import { usedMsOf } from '../../core/lifecycle.js';
import type { QuotaRecords } from '../../core/limit-book.js';
import type { Quotas } from '../../core/quota.js';
import type { Needs } from '../../core/resources.js';
import {
  type Instant,
  instant,
  jobId,
  type ProjectId,
  projectId,
  type UserId,
  userId,
} from '../../core/units.js';
import { DAY_MS, type DayUse, dayOf } from '../../core/usage.js';
import type { StepColumns, SubmissionColumns, UseColumns } from './requests.js';
import type { Row } from './sqlite.js';

export const JOB_STATES: readonly JobState[] = [
  'pending',
  'launching',
  'running',
  'killing',
  'unreachable',
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
  'j.ended_at, j.kill_wanted_by, j.kill_wanted_at, j.life, s.asked';
/** Columns of a waiting job, in the order `pendingRowsOf` reads them. */
export const PENDING_COLUMNS =
  'id, submitted_at, not_before, kill_wanted_by IS NOT NULL, owner, project, executor, shape, ' +
  // A job that was never launched has failed nowhere: most documents need not be read.
  'CASE WHEN launches > 0 THEN life END';

/** What changes during a job's life and no query asks for. */
interface LifeDocument {
  readonly faults: readonly SystemFault[];
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
interface ShapeDocument {
  readonly needs: Needs;
  readonly constraints: readonly Constraint[];
  readonly queue?: string;
}

const FIRST_LIFE = JSON.stringify({ faults: [], directory: null } satisfies LifeDocument);

/** Owners are escaped so that no owner and key together look like another pair. */
const idemKeyOf = (owner: UserId, key: string): string =>
  `${owner.replaceAll('%', '%25').replaceAll('/', '%2F')}/${key}`;

export function submissionColumns(job: NewJob): SubmissionColumns {
  const { spec } = job;
  return {
    owner: job.owner,
    project: job.project,
    submittedAt: job.submittedAt,
    executor: spec.executor,
    idemKey: job.idempotencyKey === null ? null : idemKeyOf(job.owner, job.idempotencyKey),
    digest: job.digest,
    shape: JSON.stringify({
      needs: spec.needs,
      constraints: spec.constraints,
      ...(spec.queue === undefined ? {} : { queue: spec.queue }),
    } satisfies ShapeDocument),
    life: FIRST_LIFE,
    asked: JSON.stringify({ identity: job.identity, spec } satisfies AskedDocument),
    script: job.script,
  };
}

export function stepColumns({ from, unlessKillWanted, to }: JobStep): StepColumns {
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
    use: to.state === 'over' ? useOf(to) : null,
  };
}

function useOf(job: OverJob): UseColumns | null {
  const timeMs = usedMsOf(job);
  if (timeMs <= 0) return null;
  const { cpuMilli, memMb, gpus } = job.spec.needs;
  const day = dayOf(job.endedAt);
  return { day, endedMs: job.endedAt - day * DAY_MS, timeMs, cpuMilli, memMb, gpus };
}

/** Columns of a day's use, in the order `dayUseOf` reads them. */
export const USE_COLUMNS =
  'day, owner, project, time_ms, cpu_milli, mem_mb, gpus, cpu_milli_ms, mem_mb_ms, gpu_ms, ended';

export function dayUseOf(row: Row): DayUse {
  const [day, owner, project, ...numbers] = row;
  const [timeMs = 0, cpuMilli = 0, memMb = 0, gpus = 0, ...products] = numbers.map(Number);
  const [cpuMilliMs = 0, memMbMs = 0, gpuMs = 0, ended = 0] = products;
  return {
    owner: userId(String(owner)),
    project: projectId(String(project)),
    endedAt: instant(Math.round(Number(day) * DAY_MS + ended / timeMs)),
    timeMs,
    cpuMilli,
    memMb,
    gpus,
    cpuMilliMs,
    memMbMs,
    gpuMs,
  };
}

function lifeOf(job: Job): LifeDocument {
  const { faults, directory } = job;
  switch (job.state) {
    case 'pending':
      return { faults, directory };
    case 'launching':
      return { faults, directory, placement: job.placement };
    case 'running': {
      const { placement, startedAt, container } = job;
      return { faults, directory, placement, startedAt, container };
    }
    case 'killing': {
      const { placement, startedAt, container, killWanted } = job;
      return { faults, directory, placement, startedAt, container, killWanted };
    }
    case 'unreachable': {
      const { placement, startedAt, container, since } = job;
      return { faults, directory, placement, startedAt, container, since };
    }
    case 'over': {
      const { placement, startedAt, container, outcome } = job;
      return { faults, directory, placement, startedAt, container, outcome };
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
  const [notBefore, endedAt, killBy, killAt, lifeText, askedText] = row.slice(7);
  const life = JSON.parse(String(lifeText)) as LifeDocument;
  const { identity, spec } = JSON.parse(String(askedText)) as AskedDocument;
  const asked = {
    id: jobId(Number(id)),
    owner: userId(String(owner)),
    project: projectId(String(project)),
    identity: present(identity),
    spec: completed(present(spec)),
    submittedAt: instant(Number(submittedAt)),
    launches: Number(launches),
    faults: present(life.faults),
    directory: life.directory,
    killWanted:
      killBy === null ? null : { by: userId(String(killBy)), at: instant(Number(killAt)) },
    version: Number(version),
  };
  const known = state as JobState;
  switch (known) {
    case 'pending':
      return { ...asked, state: known, notBefore: instantOrNull(notBefore) };
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
        ...held(life),
        // The leader acts on a stored wish; should it ever act on its own, the record still says for whom.
        killWanted: asked.killWanted ?? present(life.killWanted),
      };
    case 'unreachable':
      return { ...asked, state: known, ...held(life), since: present(life.since) };
    case 'over':
      return {
        ...asked,
        state: known,
        outcome: present(life.outcome),
        endedAt: instant(Number(present(endedAt))),
        startedAt: life.startedAt ?? null,
        placement: life.placement ?? null,
        container: present(life.container),
      };
    default:
      return unreachable(known);
  }
}

/** Records of former versions lack what was added since. */
const completed = (spec: JobSpec): JobSpec => ({ ...spec, lifespanMs: spec.lifespanMs ?? null });

const held = (life: LifeDocument) => ({
  placement: present(life.placement),
  startedAt: life.startedAt ?? null,
  container: present(life.container),
});

const instantOrNull = (value: unknown): Instant | null =>
  value === null ? null : instant(Number(value));

function present<T>(value: T | null | undefined): T {
  if (value === undefined || value === null) throw new Error('a field is missing');
  return value;
}

/** Shapes met so far in one question, by their text. */
export type Shapes = Map<string, ShapeDocument>;

/**
 * Rows as the scheduler keeps them; equal shapes share one object. Unreadable ones go to `broken` instead.
 * `shapes` is the caller's memory between slices of one question.
 */
export function pendingRowsOf(
  rows: readonly Row[],
  shapes: Shapes,
  broken: (unreadable: UnreadableRecord) => void,
): PendingRow[] {
  const answers: PendingRow[] = [];
  for (const [
    id,
    submittedAt,
    notBefore,
    isKillWanted,
    owner,
    project,
    executor,
    text,
    life,
  ] of rows) {
    try {
      answers.push({
        id: jobId(Number(id)),
        owner: userId(String(owner)),
        project: projectId(String(project)),
        submittedAt: instant(Number(submittedAt)),
        ...shapeOf(String(text), shapes),
        executor: executor === null ? null : String(executor),
        notBefore: instantOrNull(notBefore),
        isKillWanted: isKillWanted === 1,
        failedOn: life === null ? NOWHERE : failedOn(String(life)),
      });
    } catch (cause) {
      broken(new UnreadableRecord(Number(id), { cause }));
    }
  }
  return answers;
}

const NOWHERE: readonly string[] = [];

const failedOn = (life: string): readonly string[] =>
  failedHosts(present((JSON.parse(life) as LifeDocument).faults));

function shapeOf(text: string, shapes: Shapes): ShapeDocument {
  const known = shapes.get(text);
  if (known !== undefined) return known;
  const { needs, constraints, queue } = JSON.parse(text) as ShapeDocument;
  const shape = {
    needs: present(needs),
    constraints: present(constraints),
    ...(queue === undefined ? {} : { queue }),
  };
  shapes.set(text, shape);
  return shape;
}

export function prioritiesOf(rows: readonly Row[]): Priorities {
  const users = new Map<UserId, number>();
  const projects = new Map<ProjectId, number>();
  for (const [kind, id, prio] of rows)
    if (kind === 'user') users.set(userId(String(id)), Number(prio));
    else projects.set(projectId(String(id)), Number(prio));
  return { users, projects };
}

export function quotasOf(rows: readonly Row[]): QuotaRecords {
  const users = new Map<UserId, Quotas>();
  const projects = new Map<ProjectId, Quotas>();
  for (const [kind, id, text] of rows) {
    const quotas = JSON.parse(String(text)) as Quotas;
    if (kind === 'user') users.set(userId(String(id)), quotas);
    else projects.set(projectId(String(id)), quotas);
  }
  return { users, projects };
}

/** @throws UnreadableRecord */
export function projectOf(id: string, document: string): ProjectRecord {
  try {
    const project = JSON.parse(document) as ProjectRecord;
    present(project.members);
    present(project.quotas);
    return project;
  } catch (cause) {
    throw new UnreadableRecord(id, { cause });
  }
}

/** @throws UnreadableRecord */
export function userOf(id: string, document: string): UserRecord {
  try {
    const user = JSON.parse(document) as UserRecord;
    present(user.identity);
    present(user.keys);
    return user;
  } catch (cause) {
    throw new UnreadableRecord(id, { cause });
  }
}
