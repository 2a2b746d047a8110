/**
 * The server's JSON as people's words. The only place of `god` that knows the historic key names; the pages read jobs
 * through it too, so it needs neither Node nor a browser.
 */
import { type ArrayView, type MemberView, readArrayView, readMemberView } from './arrays.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { dependWords } from './words.js';

export type Json = Readonly<Record<string, unknown>>;

export type ViewState =
  | 'created'
  | 'pending'
  | 'held'
  | 'launching'
  | 'running'
  | 'suspended'
  | 'killing'
  | 'unreachable'
  | 'over'
  | 'archived';

export type ViewOutcome =
  | { readonly kind: 'exited'; readonly exitCode: number }
  | { readonly kind: 'killed' }
  | { readonly kind: 'quota' }
  | { readonly kind: 'gaveUp' }
  | { readonly kind: 'unknown' };

/** What people want to know of a job. Instants are milliseconds, null when it has not happened. */
export interface JobView {
  readonly id: number;
  /** Of the parent of an array; null for every other job. */
  readonly array: ArrayView | null;
  /** Of a member of an array; null for every other job. */
  readonly member: MemberView | null;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly owner: string;
  readonly project: string;
  readonly state: ViewState;
  readonly outcome: ViewOutcome | null;
  /** Why it waits or how it ended, in a sentence of the server; null when there is nothing to say. */
  readonly reason: string | null;
  readonly submittedAt: number | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly cpu: number;
  readonly ramGb: number;
  /** Memory of the next launch, or the last, where rules have made it grow; null: as asked. */
  readonly ramGrantedGb: number | null;
  /** Rules of launching again, as sent. */
  readonly retries: readonly Json[];
  /** Launches so far, and those of them that came to nothing. */
  readonly launches: number;
  readonly formerLaunches: readonly FormerLaunchView[];
  /** In the words of `--depend`; empty: it depends on nobody. */
  readonly depends: string;
  /** It does not start before that. */
  readonly notBefore: number | null;
  readonly gpus: number;
  readonly image: string;
  /** False where jobs run as plain processes and the image plays no part. */
  readonly isImageUsed: boolean;
  readonly host: string | null;
  readonly ports: readonly string[];
  /** `name:acl` of those that were asked for. */
  readonly volumes: readonly string[];
  /** Where its files lie on the shared file system; null until it was made. */
  readonly directory: string | null;
  readonly labels: readonly string[];
  readonly script: string;
}

/** A launch that failed and was followed by another, or by the end. */
export interface FormerLaunchView {
  readonly launch: number;
  readonly host: string;
  /** Null where the system failed. */
  readonly exitCode: number | null;
  readonly reason: string | null;
  readonly ramGb: number | null;
}

export interface FileView {
  readonly name: string;
  readonly isDirectory: boolean;
  readonly bytes: number;
  /** False: the name is of other bytes than UTF-8, and cannot be asked for by this text. */
  readonly isText: boolean;
  /** Null: the server is of an older version. */
  readonly changedAt: number | null;
}

/** Volumes that the server adds by itself. */
const OWN_VOLUMES = new Set(['go-docker', 'god-ftp']);

export const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const part = (value: unknown, key: string): Json => {
  const found = isRecord(value) ? value[key] : undefined;
  return isRecord(found) ? found : {};
};
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const textOrNull = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
const numberOrNull = (value: unknown): number | null => (typeof value === 'number' ? value : null);
const secondsOrNull = (value: unknown): number | null =>
  typeof value === 'number' ? value * 1000 : null;
const dateOrNull = (value: unknown): number | null =>
  typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? Date.parse(value) : null;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const strings = (value: unknown): readonly string[] =>
  list(value).flatMap((item) =>
    typeof item === 'string' || typeof item === 'number' ? [String(item)] : [],
  );

/** A whole job as `GET task/{id}` and the lists answer it. */
export function readJob(doc: unknown): JobView {
  if (!isRecord(doc) || typeof doc.id !== 'number' || !isRecord(doc.status))
    throw new Failure(EXIT.protocol, 'the server answered something that is no job');
  const { status } = doc;
  const [meta, user] = [part(doc, 'meta'), part(doc, 'user')];
  const [requirements, container] = [part(doc, 'requirements'), part(doc, 'container')];
  const volumes = list(container.volumes).filter(isRecord);
  const state = readState(status, container);
  return {
    id: doc.id,
    array: readArrayView(requirements.array),
    member: readMemberView(doc.parent_task_id, requirements.array),
    name: text(meta.name),
    description: text(meta.description),
    tags: strings(meta.tags),
    owner: text(user.id),
    project: text(user.project),
    state,
    outcome: isEnd(state) ? readOutcome(status) : null,
    reason: textOrNull(status.reason),
    submittedAt: secondsOrNull(doc.date),
    startedAt: secondsOrNull(status.date_running),
    endedAt: secondsOrNull(status.date_over),
    cpu: number(requirements.cpu),
    ramGb: number(requirements.ram),
    ramGrantedGb: numberOrNull(requirements.ram_granted),
    retries: list(requirements.retry).filter(isRecord),
    ...readLaunches(status),
    depends: readDepends(requirements),
    notBefore: dateOrNull(requirements.not_before),
    gpus: number(requirements.gpus),
    image: text(container.image),
    isImageUsed: container.image_used !== false,
    host: textOrNull(part(part(container, 'meta'), 'Node').Name),
    ports: strings(container.ports),
    volumes: volumes
      .filter(({ name }) => !OWN_VOLUMES.has(text(name)))
      .map(({ name, acl }) => `${text(name)}:${text(acl) || 'ro'}`),
    directory: textOrNull(volumes.find(({ name }) => name === 'go-docker')?.path),
    labels: strings(requirements.label),
    script: text(part(doc, 'command').cmd),
  };
}

function readDepends(requirements: Json): string {
  const all = list(requirements.dependencies).filter(isRecord);
  const known = all.map(({ type, job }) => ({ type: text(type), job: numberOrNull(job) }));
  const historic = strings(requirements.tasks).map((id) => ({ type: 'afterany', job: Number(id) }));
  const isAnyEnough = requirements.dependencies_mode === 'any';
  return dependWords(known.length > 0 ? known : historic, isAnyEnough);
}

/** The state alone, from `GET task/{id}/status`. */
export const readStatus = (answer: unknown): ViewState => readStatusAndReason(answer).state;

/** The state and the server's sentence about it, from `GET task/{id}/status`. */
export function readStatusAndReason(answer: unknown): Pick<JobView, 'state' | 'reason'> {
  const status = part(answer, 'status');
  if (typeof status.primary !== 'string')
    throw new Failure(EXIT.protocol, 'the server answered something that is no job state');
  const state = readState(status, part(answer, 'container'));
  return { state, reason: textOrNull(status.reason) };
}

/** How often a job was launched, from its whole `status`; 0 where the server does not tell. */
function readLaunches(status: unknown): Pick<JobView, 'launches' | 'formerLaunches'> {
  const found = isRecord(status) ? status : {};
  return {
    launches: number(found.launches),
    formerLaunches: list(found.former_launches)
      .filter(isRecord)
      .map((one) => ({
        launch: number(one.launch),
        host: text(one.node),
        exitCode: numberOrNull(one.exitcode),
        reason: textOrNull(one.reason),
        ramGb: numberOrNull(one.ram),
      })),
  };
}

export type StatusView = Pick<JobView, 'state' | 'reason' | 'launches' | 'formerLaunches'>;

/** All that `GET task/{id}/status` tells. */
export const readWholeStatus = (answer: unknown): StatusView => ({
  ...readStatusAndReason(answer),
  ...readLaunches(part(answer, 'status')),
});

export function readJobs(answer: unknown): readonly JobView[] {
  if (!Array.isArray(answer))
    throw new Failure(EXIT.protocol, 'the server answered something that is no list of jobs');
  return answer.map(readJob);
}

export function readFiles(answer: unknown): readonly FileView[] {
  if (!Array.isArray(answer))
    throw new Failure(EXIT.protocol, 'the server answered something that is no list of files');
  return answer.filter(isRecord).map((entry) => ({
    name: text(entry.name),
    isText: entry.name64 === undefined,
    isDirectory: entry.type === 'dir',
    bytes: number(entry.size),
    changedAt: typeof entry.date === 'number' ? entry.date * 1_000 : null,
  }));
}

/** What a submission answered. */
export function readSubmitted(answer: unknown): { id: number; warnings: readonly string[] } {
  if (!isRecord(answer) || typeof answer.id !== 'number')
    throw new Failure(EXIT.protocol, 'the server answered a submission without a job id');
  return { id: answer.id, warnings: list(answer.warnings).map(sentenceOf) };
}

/** Every error answer of the server, also those of a proxy before it, as code, sentence and field. */
export function readRefusal(
  body: string,
  status: number,
): { code: string; sentence: string; field: string | null } {
  let said: unknown;
  try {
    said = JSON.parse(body);
  } catch {
    // A proxy answers HTML: its status is all we can tell.
  }
  if (!isRecord(said)) return { code: '', sentence: `the server answered ${status}`, field: null };
  return {
    code: text(said.code),
    sentence: sentenceOf(said) || `the server answered ${status}`,
    field: textOrNull(said.field) ?? textOrNull(part(said, 'facts').field),
  };
}

export const isEnd = (state: ViewState): boolean => state === 'over' || state === 'archived';

function sentenceOf(said: unknown): string {
  if (typeof said === 'string') return said;
  if (!isRecord(said)) return '';
  return text(said.detail) || text(said.msg) || text(said.message) || text(said.error);
}

const BY_SECONDARY: Readonly<Record<string, ViewState>> = {
  held: 'held',
  suspended: 'suspended',
  'kill requested': 'killing',
  unknown: 'unreachable',
};

function readState(status: Json, container: Json): ViewState {
  const primary = text(status.primary);
  if (primary === 'over' || primary === 'archived' || primary === 'created') return primary;
  const more = BY_SECONDARY[text(status.secondary)];
  if (primary === 'pending') {
    if (more !== undefined) return more;
    return container.status === 'initializing' ? 'launching' : 'pending';
  }
  if (primary === 'running') return more ?? 'running';
  // `reschedule` of older servers: killed, and back in the queue soon.
  return 'pending';
}

function readOutcome(status: Json): ViewOutcome {
  const secondary = text(status.secondary);
  const exitCode = status.exitcode;
  if (secondary === 'killed') return { kind: 'killed' };
  if (secondary === 'quota reached') return { kind: 'quota' };
  if (secondary === 'rejected by scheduler') return { kind: 'gaveUp' };
  return typeof exitCode === 'number' ? { kind: 'exited', exitCode } : { kind: 'unknown' };
}
