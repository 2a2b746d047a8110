/** `POST /task?dry_run=1`: what a submission would be granted, and what its user might want to know before. Nothing is stored. */
import { z } from 'zod';
import { LIKE_JOBS_MAX, LIKE_JOBS_READ_MAX } from '../contracts/limits.js';
import type { NewJob } from '../contracts/store.js';
import { arraySize } from '../core/array.js';
import { durationText } from '../core/duration.js';
import type { OverJob } from '../core/job.js';
import type { ApiDeps } from './deps.js';
import { maintenanceKnown } from './maintenance.js';
import { prospectOf } from './prospects.js';
import { epochSeconds, gigabytes, jobNumber, seconds, shape, whole } from './schemas/answer.js';
import { ADVICE_CODES, scriptAdvice } from './script-advice.js';
import type { Submission, Warning } from './submission.js';

const NOTE = <Codes extends z.ZodType>(code: Codes) =>
  shape({ code, field: z.string(), msg: z.string() });

export const DRY_RUN = shape({
  msg: z.literal('Task would be added'),
  dry_run: z.literal(true),
  granted: shape({
    user: z.string(),
    project: z.string(),
    uid: whole,
    gid: whole,
    image: z.string(),
    image_used: z.boolean(),
    volumes: z.array(
      shape({ name: z.string(), acl: z.enum(['ro', 'rw']), path: z.string(), mount: z.string() }),
    ),
    root: z.boolean(),
    network: z.boolean(),
    network_kind: z.string().nullable(),
    executor: z.string(),
    queue: z.string().nullable(),
    cpu: z.number(),
    ram: gigabytes,
    gpus: whole,
    ports: z.array(whole),
    label: z.array(z.string()).meta({ description: 'Those of its queue with them.' }),
    maxlifespan: z.string().nullable(),
    failure_policy: whole,
    members: whole.nullable().meta({ description: 'Of an array; null: it is none.' }),
  }),
  limits: shape({
    submitted: whole.nullable().meta({ description: 'Jobs of a user, waiting and running.' }),
    running: whole.nullable().meta({ description: 'Jobs of a user that run.' }),
  }).meta({ description: "The site's, at a time; null: none." }),
  warnings: z.array(NOTE(z.string())),
  advice: z.array(NOTE(z.enum(ADVICE_CODES))),
  start: shape({
    waits_for: z.array(z.enum(['maintenance', 'uploads', 'release', 'date', 'jobs'])),
    in_line: whole.nullable().meta({ description: 'Jobs in line now; null: not known.' }),
    behind: jobNumber.nullable().meta({ description: 'Your last waiting job in this account.' }),
    not_before: epochSeconds.nullable().meta({
      description: 'When that job, or the date that was asked for, is expected; null: not known.',
    }),
  }).meta({ description: 'As far as it is known. Nothing is promised.' }),
  like: shape({
    jobs: whole.meta({ description: 'Yours of this name and image that ended well lately.' }),
    ran: shape({ median: seconds, longest: seconds }),
    ram: gigabytes.nullable().meta({ description: 'The most any used; null: not measured.' }),
  })
    .nullable()
    .meta({ description: 'Null: too few.' }),
}).meta({ id: 'DryRun' });

/** Fewer tell nothing about the next one. */
const LIKE_MIN = 3;

export async function dryRun(deps: ApiDeps, { job, warnings }: Submission) {
  const { spec, identity, script } = job;
  const [start, like] = await Promise.all([startOf(deps, job), likeOf(deps, job)]);
  const isContained = deps.containerizer !== 'process';
  return {
    msg: 'Task would be added' as const,
    dry_run: true as const,
    granted: grantedTo(deps, job),
    limits: limitsOf(deps),
    warnings: warnings as readonly Warning[],
    advice: scriptAdvice(script, {
      granted: spec.volumes,
      volumes: deps.config.volumes,
      home: identity.home,
      isContained,
    }),
    start,
    like,
  };
}

function grantedTo({ config, containerizer }: ApiDeps, { spec, ...job }: NewJob) {
  const { needs, array } = spec;
  return {
    user: job.owner,
    project: job.project,
    uid: job.identity.uid,
    gid: job.identity.gid,
    image: spec.image,
    image_used: containerizer !== 'process',
    volumes: spec.volumes,
    root: spec.isRoot,
    network: spec.hasNetwork,
    network_kind: spec.network,
    executor: spec.executor ?? config.plugins.executors[0] ?? '',
    queue: spec.queue ?? null,
    cpu: needs.cpuMilli / 1_000,
    ram: needs.memMb / 1_000,
    gpus: needs.gpus,
    ports: spec.ports,
    label: spec.constraints.map(({ name, value }) => `${name}==${value}`),
    maxlifespan: spec.lifespanMs === null ? null : durationText(spec.lifespanMs),
    failure_policy: spec.systemRetriesMax,
    members: array === undefined ? null : arraySize(array),
  };
}

const limitsOf = ({ config: { limits } }: ApiDeps) => ({
  submitted: limits.rate.user,
  running: limits.running.user,
});

/** Jobs of one account take turns in order: what comes now starts no sooner than the last that waits, if that is no other kind. */
async function startOf(deps: ApiDeps, { owner, project, spec, heldBack }: NewJob) {
  const [maintenance, outlook, [latest]] = await Promise.all([
    maintenanceKnown(deps),
    deps.outlook(),
    deps.store.list({ owner, project, states: ['pending'], limit: 1 }),
  ]);
  const behind = latest?.spec.queue === spec.queue ? latest : undefined;
  const estimate =
    behind === undefined || outlook === undefined ? null : prospectOf(behind, outlook).estimate;
  const expected = estimate?.kind === 'about' ? estimate.at : (estimate?.from ?? null);
  const known = [expected, spec.beginAt ?? null].filter((at) => at !== null);
  return {
    waits_for: [
      ...(maintenance === null ? [] : ['maintenance' as const]),
      ...(spec.asked.uploads === undefined ? [] : ['uploads' as const]),
      ...(heldBack === undefined ? [] : ['release' as const]),
      ...(spec.beginAt === undefined ? [] : ['date' as const]),
      ...(spec.dependencies === undefined ? [] : ['jobs' as const]),
    ],
    in_line: outlook?.survey.inLine ?? null,
    behind: behind?.id ?? null,
    not_before: known.length === 0 ? null : Math.max(...known) / 1_000,
  };
}

async function likeOf({ store }: ApiDeps, { owner, spec }: NewJob) {
  const ended = await store.history({ owner, limit: LIKE_JOBS_READ_MAX });
  const like = ended
    .filter((job) => job.spec.name === spec.name && job.spec.image === spec.image && endedWell(job))
    .slice(0, LIKE_JOBS_MAX);
  if (like.length < LIKE_MIN) return null;
  const ran = like
    .map(({ startedAt, endedAt }) => Math.max(0, endedAt - (startedAt ?? endedAt)) / 1_000)
    .sort((a, b) => a - b);
  const records = (await Promise.all(like.map(({ id }) => store.accountOf(id)))).flat();
  const used = records.flatMap(({ measured }) => (measured === null ? [] : [measured.memMbMax]));
  return {
    jobs: like.length,
    ran: { median: ran[ran.length >> 1] ?? 0, longest: ran.at(-1) ?? 0 },
    ram: used.length === 0 ? null : Math.max(...used) / 1_000,
  };
}

/** Not the parents of arrays: these last as long as their members. */
const endedWell = ({ outcome, spec, parent }: OverJob): boolean =>
  outcome.kind === 'exited' &&
  outcome.exitCode === 0 &&
  (spec.array === undefined || parent !== undefined);
