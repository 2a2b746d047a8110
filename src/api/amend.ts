/** Changes of a job after its submission: what is asked for anew goes the way of every submission, then to the leader. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Person } from '../contracts/auth.js';
import type { DynamicField } from '../contracts/config.js';
import { ServiceError } from '../contracts/errors.js';
import { WISH_WAIT_MS_MAX } from '../contracts/limits.js';
import { type Wish, wishSetting } from '../contracts/wishes.js';
import { isArray } from '../core/array-life.js';
import { durationText } from '../core/duration.js';
import type { Job, JobSpec } from '../core/job.js';
import type { JobId, UserId } from '../core/units.js';
import type { ApiDeps } from './deps.js';
import { replayOf } from './replay.js';
import { readSubmission } from './submission.js';
import { parseTask } from './task-document.js';
import type { Wire } from './wire.js';

const LOOK_EACH_MS = 25;

export interface Change {
  readonly name: DynamicField;
  /** As clients send it: a text mostly, also for numbers and lists. */
  readonly value: unknown;
}

/** @throws ServiceError forbidden, not-supported */
export function mustBeChangeable(
  { config: { jobs } }: Pick<ApiDeps, 'config'>,
  name: DynamicField,
  person: Person,
): void {
  const { dynamicFields } = jobs;
  if (dynamicFields.length === 0) return;
  const rule = dynamicFields.find((one) => one.name === name);
  if (rule === undefined)
    throw new ServiceError(
      'not-supported',
      `name: "${name}" may not be changed on this site; there is ${dynamicFields.map((one) => one.name).join(', ')}`,
      { field: 'name' },
    );
  if (rule.isAdminOnly && !person.isAdmin)
    throw new ServiceError('forbidden', `only administrators may change "${name}" of a job`, {
      field: 'name',
    });
}

/**
 * What the job asks for with the change, by the policy of today and of its owner.
 * @throws ServiceError wrong-state, and whatever a submission is refused with
 */
export async function amended(deps: ApiDeps, job: Job, { name, value }: Change): Promise<JobSpec> {
  mustBeAmendable(job, name);
  const owner = await deps.auth.user(job.owner);
  if (owner === undefined) throw wrongState(`the account of ${job.owner} is gone`);
  const script = (await deps.store.scripts([job.id])).get(job.id) ?? '';
  const document = replayOf(job, script, deps.clock.now()) as Record<'meta' | 'requirements', Wire>;
  const isWord = name === 'name' || name === 'description' || name === 'tags';
  const section = isWord ? 'meta' : 'requirements';
  const changed = { ...document, [section]: { ...document[section], [name]: asSent(name, value) } };
  const { job: next } = await readSubmission(deps, {
    task: parseTask(changed),
    person: { ...owner, actor: null, actsFor: 'nobody' },
    isStrict: false,
    idempotencyKey: null,
  });
  const spec = merged(job.spec, next.spec, name);
  if (job.state === 'running') mustBeShorter(job.spec.lifespanMs, spec.lifespanMs);
  return spec;
}

const wrongState = (why: string): ServiceError =>
  new ServiceError('wrong-state', why, { field: 'id' });

function mustBeAmendable(job: Job, name: DynamicField): void {
  const { id, state } = job;
  if (isArray(job) || job.parent !== undefined)
    throw wrongState(
      `job ${id} is ${isArray(job) ? 'an array' : 'a member of an array'}: these stay as they were submitted`,
    );
  if (job.killWanted !== null) throw wrongState(`job ${id} is to be killed`);
  if (state !== 'pending' && state !== 'running')
    throw wrongState(
      state === 'over'
        ? `job ${id} is over`
        : `job ${id} is just being started or stopped: ask again`,
    );
  if (state === 'running' && name !== 'maxlifespan')
    throw wrongState(`job ${id} runs: only its maxlifespan may be changed`);
  if (name === 'ram' && job.retried.memMbGranted !== null)
    throw wrongState(`the rules of job ${id} have given it more memory already`);
}

/** Old command lines send every value as a text. */
function asSent(name: DynamicField, value: unknown): unknown {
  const isList = name === 'tags' || name === 'label';
  if (!isList || typeof value !== 'string') return value;
  return value
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** The part that was asked about, and all that follows from it; everything else stays as it was granted. */
function merged(was: JobSpec, next: JobSpec, name: DynamicField): JobSpec {
  const { queue: _, ...rest } = was;
  const queue = name === 'executor' ? next.queue : was.queue;
  const isRoute = name === 'executor' || name === 'label';
  const { description, tags } = next;
  return {
    ...rest,
    ...(queue === undefined ? {} : { queue }),
    ...{ name: next.name, description, tags, needs: next.needs },
    ...(isRoute ? { executor: next.executor, constraints: next.constraints } : {}),
    ...(name === 'executor' || name === 'maxlifespan' ? { lifespanMs: next.lifespanMs } : {}),
    ...(name === 'label' ? { asked: { ...was.asked, label: next.asked.label } } : {}),
  };
}

/** The cluster has the former end, as a second line behind whoever watches lifespans. */
function mustBeShorter(was: number | null, is: number | null): void {
  if (was === null || (is !== null && is <= was)) return;
  throw new ServiceError(
    'not-supported',
    `maxlifespan: while a job runs it may only become shorter, and is ${durationText(was)}: the cluster ends it then`,
    { field: 'value' },
  );
}

/**
 * Leaves the wish for the leader and waits for it a while. False: it will be carried out as soon as there is a leader.
 * @throws ServiceError wrong-state: another change came between
 */
export async function carriedOut(
  { store, clock, notices }: Pick<ApiDeps, 'store' | 'clock' | 'notices'>,
  job: Job,
  { by, spec }: { readonly by: UserId; readonly spec: JobSpec },
): Promise<boolean> {
  const { id, version } = job;
  const wish: Wish = { kind: 'amend', id, by, at: clock.now(), version, spec };
  const text = JSON.stringify(wish);
  const setting = wishSetting('amend', id);
  if ((await store.firstSetting(setting, text)) !== text)
    throw wrongState(`another change of job ${id} is under way: ask again`);
  notices.wished();
  const untilMs = performance.now() + WISH_WAIT_MS_MAX;
  while ((await store.setting(setting)) !== undefined) {
    if (performance.now() >= untilMs) return false;
    await sleep(LOOK_EACH_MS);
  }
  if (!(await hasSpec(store, id, spec)))
    throw wrongState(`job ${id} has moved on meanwhile: it stays as it was`);
  return true;
}

async function hasSpec(
  store: Pick<ApiDeps['store'], 'job'>,
  id: JobId,
  spec: JobSpec,
): Promise<boolean> {
  const now = await store.job(id);
  return now !== undefined && JSON.stringify(now.spec) === JSON.stringify(spec);
}
