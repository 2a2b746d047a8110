/** From a task document to a job that may be stored: completed, allowed, possible. Or a refusal that names the field. */
import { createHash } from 'node:crypto';
import type { Person, VolumeWish } from '../contracts/auth.js';
import { type ErrorCode, ServiceError } from '../contracts/errors.js';
import { NAME_CHARS_MAX } from '../contracts/limits.js';
import type { NewJob } from '../contracts/store.js';
import type { Constraint, JobSpec, Volume } from '../core/job.js';
import type { Demand } from '../core/obstacle.js';
import type { Needs } from '../core/resources.js';
import { impossible } from '../core/tally.js';
import type { ProjectId } from '../core/units.js';
import { readArray } from './array-request.js';
import { actingFor, actorOf, type Caller } from './caller.js';
import { readBegin, readDependencies } from './dependency-request.js';
import type { ApiDeps } from './deps.js';
import { text, wire } from './fields.js';
import { readUploadPath } from './files/uploads-of.js';
import { describeImpossible } from './impossible.js';
import { readLifespan } from './lifespan.js';
import { isDefaultProject, projectFor } from './membership.js';
import { type GrantedNetwork, type NetworkWish, readNetwork } from './network.js';
import { mustBeOpen, readRoute } from './queue-request.js';
import { readRetries } from './retries.js';
import { type TaskDocument, unknownFields } from './task-document.js';
import { readWebhook } from './webhook-request.js';

/** Something the user should know about an accepted job. */
export interface Warning {
  readonly code: 'unknown-field' | 'image-not-used' | 'read-only' | 'not-in-use' | 'impossible';
  readonly field: string;
  readonly msg: string;
}

export interface Submission {
  readonly job: NewJob;
  readonly warnings: readonly Warning[];
}

export interface SubmissionInput {
  readonly task: TaskDocument;
  readonly person: Caller;
  /** Unknown keys are refused instead of named. */
  readonly isStrict: boolean;
  readonly idempotencyKey: string | null;
}

/** Volumes that the server adds by itself; they come back in documents that are sent again. */
const OWN_VOLUMES = new Set(['go-docker', 'god-ftp']);
/** 1 GB of a request is 1000 MB of Mesos' `mem` (decision 22). */
const MB_PER_GB = 1000;

export async function readSubmission(deps: ApiDeps, input: SubmissionInput): Promise<Submission> {
  const { task } = input;
  const person = await submitter(task, deps, input.person);
  const warnings: Warning[] = [];
  noteUnknown(task, input.isStrict, warnings);
  refuseUnsupported(task, deps, person);

  const { constraints: labelled, custom } = readLabels(task.requirements?.label ?? []);
  const network = readNetwork(networkWish(task), deps);
  const ports = hostPorts(task, network, warnings);
  const needs = { ...readNeeds(task, deps), ports, custom };
  const asked = task.requirements?.executor;
  const { executor, queue, constraints } = readRoute(asked, labelled, deps.config);
  const image = await readImage(task, deps, warnings);
  const volumes = await readVolumes(task, deps, person, warnings);
  const project = await projectFor(deps, person, task.user?.project);
  mustBeOpen(queue, person, project, asked);
  const tenant = { user: person.id, project };
  notePossible(deps, { needs, constraints, executor, tenant }, warnings);

  const array = readArray(task, deps);
  const now = deps.clock.now();
  const dependencies = await readDependencies(task, { store: deps.store, person }, array);
  const beginAt = readBegin(task.requirements?.not_before, now);
  const uploads = readUploads(task);
  const isHeld = task.requirements?.hold === true || uploads !== null;
  const retriesMax = deps.config.jobs.retriesMax;
  const spec: JobSpec = {
    name: task.meta?.name ?? 'job',
    description: task.meta?.description ?? '',
    tags: task.meta?.tags ?? [],
    image,
    volumes,
    ...network,
    isRoot: task.container?.root ?? false,
    needs,
    constraints,
    ports: task.requirements?.ports ?? [],
    executor,
    ...(queue === null ? {} : { queue: queue.name }),
    lifespanMs: readLifespan(task.requirements?.maxlifespan, deps.config, queue),
    systemRetriesMax: Math.min(task.requirements?.failure_policy ?? retriesMax, retriesMax),
    ...(array === null ? {} : { array }),
    ...(dependencies === null ? {} : { dependencies }),
    ...(beginAt === undefined ? {} : { beginAt }),
    ...readWebhook(task, deps.config, array !== null),
    retries: readRetries(task.requirements?.retry, { memMb: needs.memMb, jobs: deps.config.jobs }),
    asked: {
      label: task.requirements?.label ?? [],
      notifyEmail: task.notify?.email ?? false,
      ...(uploads === null ? {} : { uploads }),
    },
  };
  const job: NewJob = {
    owner: person.id,
    project,
    identity: person.identity,
    // The digest stays that of what was asked for: it is the same job whoever hands it in.
    spec: person.actor === null ? spec : { ...spec, submittedBy: person.actor },
    script: task.command.cmd,
    submittedAt: now,
    ...(isHeld ? { heldBack: { by: actorOf(person), isAdmin: false, at: now } } : {}),
    idempotencyKey: input.idempotencyKey,
    digest: digestOf(spec, task.command.cmd, project),
  };
  return { job, warnings };
}

/** Of the header of that name. */
export const IDEMPOTENCY_KEY = text(
  (value) => value.length <= NAME_CHARS_MAX && /^[\x21-\x7e]+$/.test(value),
  `must have 1 to ${NAME_CHARS_MAX} printable characters without spaces`,
).meta(wire({ type: 'string', pattern: '^[\\x21-\\x7e]+$', maxLength: NAME_CHARS_MAX }));

/** Refusals of a submission. */
export const SUBMISSION_ERRORS: readonly ErrorCode[] = [
  ...(['unknown-field', 'not-supported', 'impossible-job', 'unknown-image'] as const),
  'maintenance',
  ...([
    'unknown-volume',
    'forbidden',
    'key-reused',
    'too-large',
    'rate-limited',
    'bad-path',
  ] as const),
];

function noteUnknown(task: TaskDocument, isStrict: boolean, warnings: Warning[]): void {
  const fields = unknownFields(task);
  const [first] = fields;
  if (isStrict && first !== undefined)
    throw new ServiceError('unknown-field', `no such field: ${fields.slice(0, 10).join(', ')}`, {
      field: first,
    });
  for (const field of fields)
    warnings.push({ code: 'unknown-field', field, msg: `${field} is not known and has no effect` });
}

/** Files that the job waits for before it is started. */
function readUploads({ requirements }: TaskDocument): readonly string[] | null {
  const { uploads, array } = requirements ?? {};
  if (uploads === undefined || uploads === null) return null;
  const field = 'requirements.uploads';
  if ((array?.values ?? null) !== null)
    throw new ServiceError('not-supported', `${field}: an array takes no files`, { field });
  for (const path of uploads) readUploadPath(path, field);
  return uploads;
}

/** What would run differently from what was asked is refused, never quietly dropped. */
function refuseUnsupported(task: TaskDocument, deps: ApiDeps, person: Caller): void {
  const { requirements, container, command } = task;
  const isAsked = (value: unknown): boolean =>
    value !== undefined && value !== null && value !== '' && value !== false;
  const refuse = (field: string, what: string): never => {
    throw new ServiceError('not-supported', `${field}: ${what}`, { field });
  };
  const none = 'not supported by this version';

  if (asksForStorage(requirements?.tmpstorage))
    refuse('requirements.tmpstorage', `temporary storage is ${none}`);
  if ((requirements?.uris ?? []).length > 0) refuse('requirements.uris', `this is ${none}`);
  for (const name of ['godflow', 'sge'] as const)
    if (isAsked(requirements?.[name])) refuse(`requirements.${name}`, `this is ${none}`);
  if ((requirements?.gpus ?? 0) > 0 && !deps.config.mesos.hasGpus)
    refuse('requirements.gpus', 'jobs get no GPUs on this site');
  if (command.interactive === true) refuse('command.interactive', `interactive jobs are ${none}`);
  if (container?.root === true && !deps.config.jobs.isRootAllowed)
    refuse('container.root', 'this site does not let jobs run as root');
  if (container?.root === true && person.isGuest === true)
    if (deps.config.accounts.guests?.isRootAllowed !== true)
      refuse('container.root', 'this site does not let jobs of guests run as root');
}

/** Whose job it becomes: the document's user, if the caller may act for them. */
async function submitter(task: TaskDocument, deps: ApiDeps, caller: Caller): Promise<Caller> {
  const login = task.user?.id;
  if (login === undefined || login === null || login === '') return caller;
  return actingFor(deps, caller, login, 'user.id');
}

function asksForStorage(wish: unknown): boolean {
  if (wish === undefined || wish === null || wish === '') return false;
  if (typeof wish !== 'object' || !('size' in wish)) return true;
  return wish.size !== null && wish.size !== '';
}

/** `name==value` is a constraint; `resource==X`, repeated, asks for units of a resource of the site. */
function readLabels(labels: readonly string[]): {
  readonly constraints: readonly Constraint[];
  readonly custom: Readonly<Record<string, number>>;
} {
  const constraints: Constraint[] = [];
  const custom = new Map<string, number>();
  for (const [index, label] of labels.entries()) {
    const parts = /^([^=]+)==(.+)$/.exec(label);
    const [, name = '', value = ''] = parts ?? [];
    if (parts === null)
      throw new ServiceError('bad-field', `requirements.label: "${label}" is not name==value`, {
        field: `requirements.label[${index}]`,
      });
    if (name === 'resource') custom.set(value, (custom.get(value) ?? 0) + 1);
    else constraints.push({ name, value });
  }
  return { constraints, custom: Object.fromEntries([...custom].sort()) };
}

function readNeeds(task: TaskDocument, { config }: ApiDeps): Omit<Needs, 'ports' | 'custom'> {
  const { cpu, ram, gpus } = task.requirements ?? {};
  return {
    cpuMilli: cpu == null ? config.jobs.cpuMilliDefault : Math.round(cpu * 1000),
    memMb: ram == null ? config.jobs.memMbDefault : Math.max(1, Math.round(ram * MB_PER_GB)),
    gpus: gpus ?? 0,
  };
}

const networkWish = ({ requirements, container }: TaskDocument): NetworkWish => ({
  kind: requirements?.network,
  isWanted: container?.network ?? true,
  hasPorts: (requirements?.ports ?? []).length > 0,
});

/** How many ports of its agent the job takes: none where it has an address, and so all ports, of its own. */
function hostPorts(
  { requirements }: TaskDocument,
  { network }: GrantedNetwork,
  warnings: Warning[],
): number {
  const count = requirements?.ports?.length ?? 0;
  if (network === null || count === 0) return count;
  warnings.push({
    code: 'not-in-use',
    field: 'requirements.ports',
    msg: 'the job gets an address of its own here: its ports are open there, and mapped nowhere',
  });
  return 0;
}

async function readImage(
  task: TaskDocument,
  { config, images, containerizer }: ApiDeps,
  warnings: Warning[],
): Promise<string> {
  const asked = task.container?.image ?? '';
  const catalogue = await images();
  const known =
    asked === ''
      ? (catalogue.find(({ isDefault }) => isDefault) ?? catalogue[0])
      : catalogue.find(({ url, name }) => url === asked || name === asked);
  const field = 'container.image';
  if (containerizer === 'process')
    warnings.push({
      code: 'image-not-used',
      field,
      msg: 'jobs run as plain processes here: the image is not used',
    });
  if (known !== undefined) return known.url;
  if (asked !== '' && config.images.isAnyAllowed) return asked;
  const some = catalogue.slice(0, 10).map(({ url }) => url);
  if (some.length === 0)
    throw new ServiceError('unknown-image', `${field}: this site offers no image yet`, { field });
  throw new ServiceError(
    'unknown-image',
    `${field}: no image "${asked}"; there is ${some.join(', ')}`,
    {
      field,
      image: asked,
    },
  );
}

async function readVolumes(
  task: TaskDocument,
  { auth }: ApiDeps,
  person: Person,
  warnings: Warning[],
): Promise<readonly Volume[]> {
  const asked = task.container?.volumes ?? [];
  const wishes = new Map<string, VolumeWish>();
  for (const { name, acl } of asked)
    if (!OWN_VOLUMES.has(name)) wishes.set(name, { name, acl: acl ?? null });
  const isRoot = task.container?.root ?? false;
  const { granted, refused } = await auth.volumes(person, [...wishes.values()], isRoot);

  const fieldFor = (name: string): string =>
    `container.volumes[${asked.findIndex((one) => one.name === name)}]`;
  const [no] = refused;
  if (no !== undefined) {
    const why = {
      unknown: 'no such volume',
      missing: 'its directory is not there',
      forbidden: 'not for you',
    };
    const field = `${fieldFor(no.name)}.name`;
    throw new ServiceError('unknown-volume', `${field}: "${no.name}": ${why[no.because]}`, {
      field,
      volume: no.name,
    });
  }
  for (const { name, acl } of granted)
    if (acl === 'ro' && wishes.get(name)?.acl === 'rw')
      warnings.push({
        code: 'read-only',
        field: `${fieldFor(name)}.acl`,
        msg: `volume "${name}" is read-only for this job`,
      });
  return granted;
}

function notePossible({ config, inventory }: ApiDeps, demand: Demand, warnings: Warning[]): void {
  const no = describeImpossible(impossible(demand, inventory() ?? []));
  if (no === undefined) return;
  const { field, msg } = no;
  if (config.jobs.refusesImpossible)
    throw new ServiceError('impossible-job', `${field}: ${msg}`, { field });
  warnings.push({ code: 'impossible', field, msg });
}

/** Tells a repeated submission from another one; both specs come out of the same code, so key order is the same. */
function digestOf(spec: JobSpec, script: string, project: ProjectId): string {
  const { retries, ...rest } = spec;
  // Digests of before there were rules and projects stay what they were.
  const asked = retries.length === 0 ? rest : spec;
  const hash = createHash('sha256').update(JSON.stringify(asked)).update('\0').update(script);
  if (!isDefaultProject(project)) hash.update('\0').update(project);
  return hash.digest('hex');
}
