// Jobs of an original that are over, as ours: with their ids, dates, outcomes and directories.
import { createHash } from 'node:crypto';
import { isAbsolute } from 'node:path';
import type { RecordOf } from '../../contracts/backup.js';
import { durationMsOf } from '../../core/duration.js';
import { chargedLaunches, type EndedLaunch } from '../../core/ended-launch.js';
import {
  type Constraint,
  type JobSpec,
  NO_CONTAINER,
  type Outcome,
  type OverJob,
  type Placement,
  type Reason,
  type Volume,
} from '../../core/job.js';
import { NEVER_RETRIED } from '../../core/retry.js';
import {
  agentId,
  type Instant,
  instant,
  type JobId,
  jobId,
  projectId,
  taskIdOf,
  userId,
} from '../../core/units.js';
import { stepColumns, submissionColumns } from '../embedded/rows.js';
import {
  amountIn,
  type Found,
  listIn,
  numberIn,
  numbersIn,
  partOf,
  textIn,
  textsIn,
} from './fields.js';
import type { ImportReport } from './report.js';

/** 1 GB of the original is 1000 MB of Mesos' memory. */
const MB_PER_GB = 1_000;
/** The volume under which a job sees its own directory. */
const OWN_VOLUME = 'go-docker';
const ACTIVE_WORDS = 'It was active when its original GoDocker was left';

export interface Translated {
  readonly record: RecordOf<'job'>;
  readonly owner: string;
  readonly project: string;
  readonly launches: readonly EndedLaunch[];
}

/** `isActive`: it had not ended; it is over from `at` on. Undefined: left out, which the report tells. */
export function overJob(
  found: Found,
  report: ImportReport,
  { isActive, at }: { readonly isActive: boolean; readonly at: Instant },
): Translated | undefined {
  const id = numberIn(found, 'id');
  const user = partOf(found, 'user');
  const [owner, date] = [textIn(user, 'id'), numberIn(found, 'date')];
  if (id === null || !Number.isSafeInteger(id) || id < 1 || owner === null || date === null) {
    report.leftOut(id ?? '?', 'jobs without id, user or date');
    return undefined;
  }
  const status = partOf(found, 'status');
  const submittedAt = instantOf(date);
  const startedAt = numberIn(status, 'date_running');
  const isParent = (numberIn(partOf(partOf(found, 'requirements'), 'array'), 'nb_tasks') ?? 0) > 0;
  if (isParent || numberIn(found, 'parent_task_id') !== null)
    report.changed(id, 'arrays: parents and members keep their ids and become jobs of their own');
  const started = startedAt === null || isParent ? null : instantOf(startedAt);
  const job: OverJob = {
    id: jobId(id),
    state: 'over',
    owner: userId(owner),
    project: projectId(textIn(user, 'project') ?? 'default'),
    identity: {
      uid: amountIn(user, 'uid'),
      gid: amountIn(user, 'gid'),
      sgids: numbersIn(user, 'sgids'),
      home: textIn(user, 'homeDirectory') ?? '',
      email: textIn(user, 'email'),
    },
    spec: specOf(found, report),
    submittedAt,
    launches: started === null ? 0 : 1,
    faults: [],
    retried: NEVER_RETRIED,
    directory: directoryOf(found, id, report),
    killWanted: null,
    version: 1,
    outcome: isActive ? gaveUp(ACTIVE_WORDS) : outcomeOf(found, owner),
    endedAt: isActive ? at : endOf(status, started ?? submittedAt, { id, report }),
    startedAt: started,
    placement: started === null ? null : placementOf(found, jobId(id), started),
    container: { ...NO_CONTAINER, containerId: textIn(partOf(found, 'container'), 'id') },
  };
  const script = textIn(partOf(found, 'command'), 'cmd') ?? '';
  const record = recordOf(job, script, {
    found,
    isArchived: textIn(status, 'primary') === 'archived',
  });
  return { record, owner, project: job.project, launches: chargedLaunches(job) };
}

const instantOf = (seconds: number): Instant => instant(Math.round(seconds * 1_000));

/** Of jobs that were killed before they began the original wrote no end. */
function endOf(
  status: Found,
  earliest: Instant,
  { id, report }: { readonly id: number; readonly report: ImportReport },
): Instant {
  const over = numberIn(status, 'date_over');
  if (over === null)
    report.changed(id, 'jobs without a date of their end: they end when they began');
  return over === null ? earliest : instant(Math.max(earliest, instantOf(over)));
}

function specOf(found: Found, report: ImportReport): JobSpec {
  const requirements = partOf(found, 'requirements');
  const container = partOf(found, 'container');
  const meta = partOf(found, 'meta');
  const labels = textsIn(requirements, 'label');
  if (partOf(found, 'command').interactive === true)
    report.changed(String(found.id), 'interactive jobs: on record as ordinary ones');
  const ports = numbersIn(requirements, 'ports').filter((port) => port > 0 && port < 65_536);
  return {
    name: textIn(meta, 'name') ?? '',
    description: textIn(meta, 'description') ?? '',
    tags: textsIn(meta, 'tags'),
    image: textIn(container, 'image') ?? '',
    volumes: volumesOf(container).filter(({ name }) => name !== OWN_VOLUME),
    hasNetwork: container.network !== false,
    network: null,
    isRoot: container.root === true,
    needs: {
      cpuMilli: Math.round((numberIn(requirements, 'cpu') ?? 0) * 1_000),
      memMb: Math.round((numberIn(requirements, 'ram') ?? 0) * MB_PER_GB),
      gpus: amountIn(requirements, 'gpus'),
      ports: ports.length,
      custom: {},
    },
    constraints: labels.flatMap(constraintOf),
    ports,
    executor: textIn(requirements, 'executor'),
    systemRetriesMax: amountIn(requirements, 'failure_policy'),
    retries: [],
    lifespanMs: durationMsOf(String(requirements.maxlifespan ?? '')) ?? null,
    asked: { label: labels, notifyEmail: partOf(found, 'notify').email === true },
  };
}

function constraintOf(label: string): readonly Constraint[] {
  const [name, value] = label.split('==');
  return name === undefined || value === undefined || name === 'resource' ? [] : [{ name, value }];
}

function volumesOf(container: Found): readonly Volume[] {
  return listIn(container, 'volumes').flatMap((one) => {
    const volume = partOf({ one }, 'one');
    const [name, path] = [textIn(volume, 'name'), textIn(volume, 'path')];
    if (name === null || path === null) return [];
    const acl = volume.acl === 'rw' ? 'rw' : 'ro';
    return [{ name, path, mount: textIn(volume, 'mount') ?? path, acl } as const];
  });
}

/** As the original mounted it. */
function directoryOf(found: Found, id: number, report: ImportReport): string | null {
  const own = volumesOf(partOf(found, 'container')).find(({ name }) => name === OWN_VOLUME);
  if (own !== undefined && isAbsolute(own.path)) return own.path;
  if (textIn(partOf(found, 'status'), 'primary') !== 'archived')
    report.changed(id, 'jobs whose directory is not told: their files cannot be seen');
  return null;
}

function placementOf(found: Found, id: JobId, placedAt: Instant): Placement | null {
  const host = textIn(partOf(partOf(partOf(found, 'container'), 'meta'), 'Node'), 'Name');
  if (host === null) return null;
  const executor = textIn(partOf(found, 'requirements'), 'executor') ?? 'mesos';
  return { taskId: taskIdOf(id, 1), executor, agentId: agentId(host), host, placedAt, ports: [] };
}

const said = (message: string): Reason => ({ code: 'cluster-said', facts: { message } });
const gaveUp = (message: string): Outcome => ({ kind: 'gaveUp', because: said(message) });

function outcomeOf(found: Found, owner: string): Outcome {
  const status = partOf(found, 'status');
  const state = partOf(partOf(partOf(found, 'container'), 'meta'), 'State');
  const code = numberIn(status, 'exitcode') ?? numberIn(state, 'ExitCode');
  const reason = textIn(status, 'reason') ?? '';
  switch (textIn(status, 'secondary')) {
    case 'killed':
      return { kind: 'killed', by: userId(owner) };
    case 'quota reached':
      return gaveUp(reason === '' ? 'quota reached' : reason);
    case 'rejected by scheduler':
      return { kind: 'gaveUp', because: { code: 'not-authorized', facts: {} } };
  }
  if (code === null)
    return {
      kind: 'unknown',
      because: { code: 'exit-code-unknown', facts: reason === '' ? {} : { message: reason } },
    };
  return { kind: 'exited', exitCode: code, because: reason === '' ? null : said(reason) };
}

function recordOf(
  job: OverJob,
  script: string,
  { found, isArchived }: { readonly found: Found; readonly isArchived: boolean },
): RecordOf<'job'> {
  const digest = createHash('sha256').update(JSON.stringify(job.spec)).update('\0').update(script);
  const asked = submissionColumns({
    ...{ owner: job.owner, project: job.project, identity: job.identity, spec: job.spec },
    ...{ script, submittedAt: job.submittedAt, idempotencyKey: null },
    digest: digest.digest('hex'),
  });
  const from = { state: 'running', launches: job.launches } as const;
  const step = stepColumns({ from, unlessKillWanted: false, to: job });
  const size = numberIn(partOf(partOf(found, 'container'), 'meta'), 'disk_size');
  const isMeasured = size !== null && size >= 0 && !isArchived && job.directory !== null;
  return {
    kind: 'job',
    ...{ id: job.id, key: `#${job.id}`, digest: asked.digest },
    ...{
      owner: job.owner,
      project: job.project,
      state: 'over',
      launches: job.launches,
      version: 1,
    },
    ...{ submittedAt: job.submittedAt, notBefore: null, endedAt: job.endedAt },
    archivedAt: isArchived ? job.endedAt : null,
    exitCode: step.exitCode,
    ...{
      killWantedBy: null,
      killWantedAt: null,
      heldBy: null,
      heldAt: null,
      heldByAdmin: null,
    },
    ...{
      executor: asked.executor,
      name: asked.name,
      parent: null,
      arraySize: null,
      arrayLimit: null,
    },
    ...{ shape: asked.shape, life: step.life, waits: null, asked: asked.asked, script },
    diskBytes: isMeasured ? Math.round(size) : null,
    diskIsOver: isMeasured ? 1 : null,
    diskMeasuredAt: isMeasured ? job.endedAt : null,
    killBecause: null,
    aftermath: null,
    isDiskDue: !isMeasured && !isArchived && job.directory !== null ? 1 : null,
  };
}
