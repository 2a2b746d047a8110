/** The job document, with which keys are there, absent or null: that is part of the interface. */
import { z } from 'zod';
import { DEPENDENCY_TYPES } from '../../core/dependency.js';
import { WEBHOOK_EVENTS } from '../../core/webhook.js';
import { epochSeconds, gigabytes, jobNumber, seconds, shape, whole } from './answer.js';

const volume = shape({
  name: z.string(),
  acl: z.enum(['ro', 'rw']),
  path: z.string().meta({ description: 'On the nodes.' }),
  mount: z.string().meta({ description: 'In the container.' }),
});

export const ARRAY_STATES = shape({ pending: whole, running: whole, over: whole, failed: whole });

const array = shape({
  values: z.string().nullable(),
  task_id: whole.nullable().meta({ description: 'Index of a member.' }),
  nb_tasks: whole.nullable(),
  nb_tasks_over: whole.nullable(),
  tasks: z.array(jobNumber).meta({ description: 'Members; empty for large arrays.' }),
  concurrency: whole.nullable().optional(),
  states: ARRAY_STATES.optional(),
});

const retry = shape({
  exit_codes: z.array(z.union([whole, z.string()])),
  out_of_memory: z.boolean(),
  times: whole,
  after: z.string(),
  memory_factor: z.number(),
  memory_max: gigabytes.nullable(),
});

const dependency = z.union([
  shape({ type: z.enum(DEPENDENCY_TYPES), job: jobNumber }),
  shape({ type: z.literal('singleton') }),
]);

const requirements = shape({
  cpu: z.number(),
  ram: gigabytes,
  gpus: whole,
  array,
  label: z.array(z.string()),
  tasks: z.array(jobNumber),
  dependencies: z.array(dependency).optional(),
  dependencies_mode: z.literal('any').optional(),
  not_before: z.iso.datetime().optional(),
  tmpstorage: z.null(),
  ports: z.array(whole),
  uris: z.array(z.string()),
  uploads: z.array(z.string()).optional(),
  network: z.string().nullable(),
  executor: z.string().nullable(),
  failure_policy: whole,
  retry: z.array(retry).optional(),
  ram_granted: gigabytes.optional(),
  maxlifespan: z.string().nullable(),
  user_quota_time: z.number(),
  user_quota_cpu: z.number(),
  user_quota_ram: z.number(),
  project_quota_time: z.number(),
  project_quota_cpu: z.number(),
  project_quota_ram: z.number(),
});

const CONTAINER = shape({
  image: z.string(),
  volumes: z.array(volume),
  network: z.boolean(),
  root: z.boolean(),
  id: z.string().nullable(),
  meta: shape({
    Node: shape({ Name: z.string() }).optional(),
    State: shape({ ExitCode: whole }).optional(),
    disk_size: whole.optional().meta({ description: 'Bytes.' }),
  })
    .nullable()
    .meta({ description: 'Null while the job waits.' }),
  stats: z.null(),
  ports: z.array(z.string()).meta({ description: 'Of the node; as texts.' }),
  port_mapping: z.array(shape({ host: whole, container: whole })),
  ip_address: z.string().nullable(),
  status: z.enum(['initializing', 'ready']).optional(),
});

const formerLaunch = shape({
  launch: whole,
  node: z.string(),
  fault: z.enum(['system', 'job']),
  exitcode: whole.nullable(),
  reason: z.string().nullable(),
  ram: gigabytes.nullable(),
  date_over: epochSeconds,
});

export const STATUS = shape({
  primary: z.enum(['created', 'pending', 'running', 'over', 'archived']),
  secondary: z.string().nullable(),
  reason: z.string().nullable(),
  exitcode: whole.nullable(),
  date_running: epochSeconds
    .optional()
    .meta({ description: 'Absent until the job runs: clients ask for the key.' }),
  date_over: epochSeconds.nullable().meta({ description: 'Null until the job is over.' }),
  duration: seconds.optional(),
  launches: whole,
  former_launches: z.array(formerLaunch).optional(),
  failure: shape({
    reason: z.string().nullable(),
    nodes: z.array(z.string()),
    count: whole,
  }).optional(),
}).meta({ id: 'Status' });

/** The document of `GET /task/{id}`. */
export const JOB = shape({
  _id: shape({ $oid: z.string() }),
  id: jobNumber,
  parent_task_id: jobNumber.nullable().meta({ description: 'Of a member: its array.' }),
  user: shape({
    id: z.string(),
    uid: whole,
    gid: whole,
    sgids: z.array(whole),
    email: z.string().nullable(),
    project: z.string(),
    submitted_by: z.string().optional().meta({ description: 'Who handed it in for the user.' }),
  }),
  date: epochSeconds,
  notify: shape({
    email: z.boolean(),
    webhook: shape({ url: z.string(), events: z.array(z.enum(WEBHOOK_EVENTS)) }).optional(),
  }),
  meta: shape({ name: z.string(), description: z.string(), tags: z.array(z.string()) }),
  requirements,
  container: CONTAINER.extend({ image_used: z.boolean() }),
  command: shape({
    interactive: z.boolean(),
    cmd: z.string().optional().meta({ description: 'The script; absent in lists.' }),
  }),
  status: STATUS,
}).meta({ id: 'Job', description: 'A job. Times are in seconds since 1970, memory in GB.' });

export const JOBS = z.array(JOB);

/** `GET /task/{id}/status`. */
export const JOB_STATUS = shape({
  id: jobNumber,
  status: STATUS,
  container: CONTAINER.extend({ image_used: z.boolean() }),
});

/** What a submission that was taken gets. */
export const SUBMITTED = shape({
  msg: z.literal('Task added'),
  id: jobNumber,
  image_used: z.boolean(),
  warnings: z
    .array(shape({ code: z.string(), field: z.string(), msg: z.string() }))
    .optional()
    .meta({ description: 'What the user should know about the job.' }),
});

/** What an act on one job answers. */
export const acted = <Message extends string>(...messages: readonly [Message, ...Message[]]) =>
  shape({ msg: z.enum(messages), id: jobNumber, status: STATUS.optional() });
