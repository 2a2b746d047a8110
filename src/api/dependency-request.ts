/** What a submission waits for: other jobs, its turn, a date. Read, checked against the record, or refused by field. */
import type { Person } from '../contracts/auth.js';
import { ServiceError } from '../contracts/errors.js';
import { BEGIN_AHEAD_MS_MAX, DEPENDENCIES_MAX } from '../contracts/limits.js';
import { type ArraySpec, sameIndexes } from '../core/array.js';
import { isArray } from '../core/array-life.js';
import {
  DEPENDENCY_TYPES,
  type Dependencies,
  type Dependency,
  type DependencyType,
} from '../core/dependency.js';
import { type Instant, instant, type JobId, jobId } from '../core/units.js';
import type { ApiDeps } from './deps.js';
import type { TaskDocument } from './task-document.js';

type Store = Pick<ApiDeps['store'], 'standings' | 'job'>;

/** A dependency, and where it stood in the document. */
interface Asked {
  readonly dependency: Dependency;
  readonly field: string;
}

const TASKS = 'requirements.tasks';
const LIST = 'requirements.dependencies';
const MODE = 'requirements.dependencies_mode';

/**
 * Null: it waits for nobody. `requirements.tasks` is `afterany`, as it always was. Whoever may not see a job may not wait for it
 * either, and is told the same as if it did not exist.
 * @throws ServiceError `bad-field`, `too-large`, naming the field
 */
export async function readDependencies(
  { requirements }: TaskDocument,
  { store, person }: { readonly store: Store; readonly person: Person },
  array: ArraySpec | null,
): Promise<Dependencies | null> {
  const historic = (requirements?.tasks ?? []).map((value, at) => ({
    dependency: { type: 'afterany' as const, job: readId(value, `${TASKS}[${at}]`) },
    field: `${TASKS}[${at}]`,
  }));
  const { asked, isSingleton } = readList(requirements?.dependencies ?? []);
  const isAnyEnough = readMode(requirements?.dependencies_mode);
  const all = distinct([...historic, ...asked]);
  if (all.length === 0 && !isSingleton) return null;
  if (all.length > DEPENDENCIES_MAX)
    throw new ServiceError(
      'too-large',
      `${LIST}: a job may depend on at most ${DEPENDENCIES_MAX} others; this one names ${all.length}`,
      { field: LIST, dependencies: all.length, dependenciesMax: DEPENDENCIES_MAX },
    );
  const isMixed =
    historic.length > 0 || isSingleton || asked.some((one) => one.dependency.type === 'aftercorr');
  if (isAnyEnough && isMixed)
    refuse(
      MODE,
      'may not be "any" together with tasks, aftercorr or singleton: these must all come true',
    );
  await mustBeKnown(all, store, person);
  await mustCorrespond(all, store, array);
  const on = all.map(({ dependency }) => dependency);
  return { on, isAnyEnough, isSingleton };
}

/** Undefined: at any time. Text with its zone, or seconds since 1970. @throws ServiceError `bad-field` */
export function readBegin(value: unknown, now: Instant): Instant | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const field = 'requirements.not_before';
  const ms = begins(value);
  if (!Number.isFinite(ms))
    refuse(field, 'must be a date with its zone, as 2026-11-21T18:00:00Z, or seconds since 1970');
  if (ms - now > BEGIN_AHEAD_MS_MAX)
    refuse(field, `lies more than ${BEGIN_AHEAD_MS_MAX / 86_400_000} days ahead`);
  return ms <= now ? undefined : instant(Math.ceil(ms));
}

function begins(value: unknown): number {
  if (typeof value === 'number') return value * 1_000;
  if (typeof value !== 'string') return Number.NaN;
  if (/^\d{1,12}(\.\d+)?$/.test(value)) return Number(value) * 1_000;
  const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.test(value);
  return isDate ? Date.parse(value) : Number.NaN;
}

function readList(list: readonly unknown[]): {
  readonly asked: readonly Asked[];
  readonly isSingleton: boolean;
} {
  const asked: Asked[] = [];
  let isSingleton = false;
  for (const [at, value] of list.entries()) {
    const field = `${LIST}[${at}]`;
    if (typeof value !== 'object' || value === null)
      return refuse(field, 'must be an object such as {"type": "afterok", "job": 12}');
    const { type, job } = value as { readonly type?: unknown; readonly job?: unknown };
    if (type === 'singleton') {
      if (job !== undefined && job !== null)
        refuse(`${field}.job`, 'has no meaning with singleton');
      isSingleton = true;
      continue;
    }
    if (!isType(type))
      return refuse(`${field}.type`, `must be one of ${DEPENDENCY_TYPES.join(', ')}, singleton`);
    asked.push({ dependency: { type, job: readId(job, `${field}.job`) }, field: `${field}.job` });
  }
  return { asked, isSingleton };
}

const isType = (type: unknown): type is DependencyType =>
  DEPENDENCY_TYPES.some((known) => known === type);

function readMode(mode: unknown): boolean {
  if (mode === undefined || mode === null || mode === 'all') return false;
  return mode === 'any' || refuse(MODE, 'must be "all" or "any"');
}

/** Old clients send digits in quotes. */
function readId(value: unknown, field: string): JobId {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  if (!/^[1-9]\d{0,14}$/.test(text)) return refuse(field, 'must be the number of a job');
  return jobId(Number(text));
}

function distinct(all: readonly Asked[]): readonly Asked[] {
  const seen = new Set<string>();
  return all.filter(({ dependency: { type, job } }) => {
    const key = `${type} ${job}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** Whoever waits for jobs that are on record already waits in no circle: none of them can know of this one. */
async function mustBeKnown(all: readonly Asked[], store: Store, person: Person): Promise<void> {
  const found = await store.standings([...new Set(all.map(({ dependency }) => dependency.job))]);
  for (const { dependency, field } of all) {
    const owner = found.get(dependency.job)?.owner;
    if (owner === undefined || (owner !== person.id && !person.isAdmin))
      refuse(field, `no job ${dependency.job}`);
  }
}

async function mustCorrespond(
  all: readonly Asked[],
  store: Store,
  array: ArraySpec | null,
): Promise<void> {
  const pairs = all.filter(({ dependency }) => dependency.type === 'aftercorr');
  for (const { dependency, field } of pairs) {
    if (array === null) refuse(field, 'aftercorr is for arrays: this job is none');
    const other = await store.job(dependency.job);
    if (other === undefined || !isArray(other) || other.spec.array === undefined)
      return refuse(
        field,
        `aftercorr is for arrays: job ${dependency.job} is not the parent of one`,
      );
    if (array !== null && !sameIndexes(array, other.spec.array))
      refuse(
        field,
        `aftercorr: array ${dependency.job} has the indexes ${shortened(other.spec.array.values)}, this one ${shortened(array.values)}`,
      );
  }
  if (pairs.length > 1)
    refuse(pairs[1]?.field ?? LIST, 'an array may correspond to one other array only');
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

function refuse(field: string, why: string): never {
  throw new ServiceError('bad-field', `${field}: ${why}`, { field });
}
