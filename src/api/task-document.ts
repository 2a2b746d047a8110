/**
 * The historic task document as clients send it. Clients omit much and send extra keys, whole stored documents
 * included: what is missing gets a default, what is unknown is named, what is wrong is refused with its field.
 */
import { z } from 'zod';
import { ServiceError } from '../contracts/errors.js';
import {
  ARRAY_MEMBERS_MAX,
  DESCRIPTION_CHARS_MAX,
  JOB_DOCUMENT_BYTES_MAX,
  LIST_ITEMS_MAX,
  NAME_CHARS_MAX,
  SCRIPT_BYTES_MAX,
  UPLOADS_MAX,
  WEBHOOK_URL_CHARS_MAX,
} from '../contracts/limits.js';
import { WEBHOOK_EVENTS } from '../core/webhook.js';
import { fieldRefusal, section, text } from './fields.js';
import { RETRY, RETRY_RULE } from './retries.js';

/** Present, but of no effect: filled by the server, or sent back by clients that send whole documents. */
const ignored = z.unknown().optional();

/** A number; old clients also send digits in quotes. */
const amount = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value),
    z
      .number({ error: 'must be a number' })
      .min(min, { error: `must be at least ${min}` })
      .max(max, { error: `must be at most ${max}` }),
  );

const wholeAmount = (min: number, max: number) =>
  amount(min, max).refine(Number.isInteger, { error: 'must be a whole number' });

/** One line of text: it ends up in file names, labels and tables. */
const line = (charsMax: number) =>
  z
    .string({ error: 'must be a text' })
    .max(charsMax, { error: `may have at most ${charsMax} characters` })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
    .regex(/^[^\u0000-\u001f\u007f]*$/, { error: 'may not contain control characters' });

const list = <T extends z.ZodType>(item: T) =>
  z.array(item, { error: 'must be a list' }).max(LIST_ITEMS_MAX, {
    error: `may have at most ${LIST_ITEMS_MAX} entries`,
  });

const META = {
  name: line(NAME_CHARS_MAX).min(1, { error: 'may not be empty' }).nullish(),
  description: z
    .string({ error: 'must be a text' })
    .max(DESCRIPTION_CHARS_MAX, { error: `may have at most ${DESCRIPTION_CHARS_MAX} characters` })
    .nullish(),
  tags: list(line(NAME_CHARS_MAX)).nullish(),
};

const ARRAY = {
  values: z
    .preprocess(
      (value) => (typeof value === 'number' ? String(value) : value),
      z.string({ error: 'must be a text such as "1:10"' }).nullish(),
    )
    .optional(),
  concurrency: wholeAmount(1, ARRAY_MEMBERS_MAX).nullish(),
  task_id: ignored,
  tasks: ignored,
  nb_tasks: ignored,
  nb_tasks_over: ignored,
  states: ignored,
};

const REQUIREMENTS = {
  cpu: amount(0.001, 1_000_000).nullish(),
  ram: amount(0.001, 1_000_000).nullish(),
  gpus: wholeAmount(0, 100_000).nullish(),
  label: list(line(NAME_CHARS_MAX)).nullish(),
  ports: list(wholeAmount(1, 65_535)).nullish(),
  executor: line(NAME_CHARS_MAX).nullish(),
  failure_policy: wholeAmount(0, 1_000_000).nullish(),
  retry: RETRY.nullish(),
  ram_granted: ignored,
  array: section(ARRAY).nullish(),
  tasks: z.array(ignored, { error: 'must be a list' }).nullish(),
  dependencies: z.array(ignored, { error: 'must be a list' }).nullish(),
  dependencies_mode: ignored,
  not_before: ignored,
  hold: z.boolean({ error: 'must be true or false' }).nullish(),
  uploads: z
    .array(line(NAME_CHARS_MAX), { error: 'must be a list' })
    .max(UPLOADS_MAX, { error: `may have at most ${UPLOADS_MAX} files` })
    .nullish(),
  tmpstorage: ignored,
  uris: z.array(ignored, { error: 'must be a list' }).nullish(),
  network: ignored,
  maxlifespan: ignored,
  godflow: ignored,
  sge: ignored,
  resources: ignored,
  ticket_share: ignored,
  user_quota_time: ignored,
  user_quota_cpu: ignored,
  user_quota_ram: ignored,
  project_quota_time: ignored,
  project_quota_cpu: ignored,
  project_quota_ram: ignored,
};

/** `"None"` is what an old client makes of no answer. */
const acl = z
  .preprocess(
    (value) => (value === 'None' || value === '' ? null : value),
    z.enum(['ro', 'rw'], { error: 'must be "ro" or "rw"' }).nullish(),
  )
  .optional();

const VOLUME = {
  name: line(NAME_CHARS_MAX).min(1, { error: 'may not be empty' }),
  acl,
  path: ignored,
  mount: ignored,
};

const CONTAINER = {
  image: line(NAME_CHARS_MAX).nullish(),
  volumes: list(section(VOLUME)).nullish(),
  network: z.boolean({ error: 'must be true or false' }).nullish(),
  root: z.boolean({ error: 'must be true or false' }).nullish(),
  image_used: ignored,
  id: ignored,
  meta: ignored,
  stats: ignored,
  ports: ignored,
  port_mapping: ignored,
  ip_address: ignored,
  status: ignored,
};

const COMMAND = {
  cmd: z
    .string({ error: 'must be the text of the script' })
    .min(1, { error: 'may not be empty' })
    .refine((text) => !text.includes('\0'), { error: 'may not contain a NUL character' }),
  interactive: z.boolean({ error: 'must be true or false' }).nullish(),
  script: ignored,
};

const USER = {
  id: line(NAME_CHARS_MAX).nullish(),
  project: line(NAME_CHARS_MAX).nullish(),
  uid: ignored,
  gid: ignored,
  sgids: ignored,
  email: ignored,
  credentials: ignored,
  guest: ignored,
  admin: ignored,
};

const WEBHOOK = {
  url: text((value) => value.length <= WEBHOOK_URL_CHARS_MAX, 'must be a URL'),
  events: z
    .array(z.enum(WEBHOOK_EVENTS, { error: 'must be start or end' }))
    .min(1, 'must name an event')
    .max(WEBHOOK_EVENTS.length, 'must name each event once')
    .nullish(),
};

const NOTIFY = {
  email: z.boolean({ error: 'must be true or false' }).nullish(),
  webhook: section(WEBHOOK).nullish(),
};

const TASK = {
  meta: section(META).nullish(),
  requirements: section(REQUIREMENTS).nullish(),
  container: section(CONTAINER).nullish(),
  command: section(COMMAND),
  user: section(USER).nullish(),
  notify: section(NOTIFY).nullish(),
  id: ignored,
  _id: ignored,
  parent_task_id: ignored,
  date: ignored,
  status: ignored,
};

export const TASK_SCHEMA = section(TASK).meta({ id: 'Submission' });
export type TaskDocument = z.infer<typeof TASK_SCHEMA>;

/** Sections whose keys are known, by the path that leads to them. */
const KNOWN: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '': TASK,
  meta: META,
  requirements: REQUIREMENTS,
  container: CONTAINER,
  command: COMMAND,
  user: USER,
};

/** @throws ServiceError `bad-field`, `too-large`: `field` is the first problem, the sentence has all */
export function parseTask(body: unknown): TaskDocument {
  const parsed = TASK_SCHEMA.safeParse(body);
  if (!parsed.success) throw fieldRefusal(parsed.error);
  checkSizes(parsed.data);
  return parsed.data;
}

function checkSizes(task: TaskDocument): void {
  if (Buffer.byteLength(task.command.cmd) > SCRIPT_BYTES_MAX)
    throw new ServiceError(
      'too-large',
      `command.cmd is larger than ${SCRIPT_BYTES_MAX} bytes: put data into a file of your own directory`,
      { field: 'command.cmd', bytesMax: SCRIPT_BYTES_MAX },
    );
  const rest = JSON.stringify({ ...task, command: { ...task.command, cmd: '' } });
  if (Buffer.byteLength(rest) > JOB_DOCUMENT_BYTES_MAX)
    throw new ServiceError(
      'too-large',
      `a job without its script may have at most ${JOB_DOCUMENT_BYTES_MAX} bytes`,
      { field: 'body', bytesMax: JOB_DOCUMENT_BYTES_MAX },
    );
}

/** Keys of a document that mean nothing to us, as paths, in order. */
export function unknownFields(task: TaskDocument): readonly string[] {
  const found: string[] = [];
  for (const [path, known] of Object.entries(KNOWN)) {
    const part: unknown = path === '' ? task : task[path as keyof TaskDocument];
    if (typeof part !== 'object' || part === null) continue;
    for (const key of Object.keys(part))
      if (!Object.hasOwn(known, key)) found.push(path === '' ? key : `${path}.${key}`);
  }
  for (const key of Object.keys(task.requirements?.array ?? {}))
    if (!Object.hasOwn(ARRAY, key)) found.push(`requirements.array.${key}`);
  for (const [index, volume] of (task.container?.volumes ?? []).entries()) {
    for (const key of Object.keys(volume))
      if (!Object.hasOwn(VOLUME, key)) found.push(`container.volumes[${index}].${key}`);
  }
  for (const [index, rule] of (task.requirements?.retry ?? []).entries()) {
    for (const key of Object.keys(rule))
      if (!Object.hasOwn(RETRY_RULE, key)) found.push(`requirements.retry[${index}].${key}`);
  }
  return found;
}
