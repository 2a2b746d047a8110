/** One job: submit, show, kill. */
import { z } from 'zod';
import { ServiceError } from '../../contracts/errors.js';
import type { Limited, NewJob, SubmitAnswer } from '../../contracts/store.js';
import type { SubmissionTrace } from '../../contracts/tracing.js';
import { unreachable } from '../../core/assert.js';
import { audited, auditedUnlessOwn } from '../audit.js';
import { actorOf } from '../caller.js';
import { DRY_RUN, dryRun } from '../dry-run.js';
import { flag, JOB_ID } from '../fields.js';
import { mustTakeJobs } from '../maintenance.js';
import { censusOfJob, limitOf } from '../members.js';
import { rateLimited } from '../rate-limited.js';
import { type Call, json, type None, type Route, route } from '../route.js';
import { acted, JOB, JOB_STATUS, SUBMITTED } from '../schemas/job.js';
import { IDEMPOTENCY_KEY, readSubmission, SUBMISSION_ERRORS } from '../submission.js';
import { parseTask, TASK_SCHEMA, type TaskDocument } from '../task-document.js';
import { extrasFor, extrasOf, jobToWire, statusToWire } from '../wire.js';
import { isWithheld } from '../withheld.js';

const EXAMPLE_TASK = {
  meta: { name: 'align', description: 'reads of lambda', tags: ['lambda'] },
  requirements: { cpu: 2, ram: 4 },
  container: { image: 'debian:12', volumes: [{ name: 'home', acl: 'rw' }] },
  command: { cmd: '#!/bin/sh\necho hello\n' },
};

const SUBMIT_QUERY = {
  strict: flag.describe('Keys that mean nothing are refused.'),
  dry_run: flag.describe('Nothing is stored: the answer tells what would be granted, and advises.'),
};
const SUBMIT_HEADERS = {
  'Idempotency-Key': IDEMPOTENCY_KEY.optional(),
  traceparent: z.string().optional().meta({ description: 'As in W3C Trace Context.' }),
};

const KILL_MESSAGES = [
  'Task will be killed',
  'Task is already being killed',
  'Task is over already',
] as const;

export const TASK_ROUTES: readonly Route[] = [
  route({
    method: 'POST',
    path: '/task',
    tag: 'jobs',
    access: 'signed-in',
    summary: 'Submit a job',
    description:
      'Whatever is absent gets a default. Keys that mean nothing are named in `warnings`, and refused with `strict=1`. A repetition under the same `Idempotency-Key` answers with the job that was made first.',
    query: SUBMIT_QUERY,
    headers: SUBMIT_HEADERS,
    body: TASK_SCHEMA,
    readBody: parseTask,
    answers: {
      200: json(
        z.union([SUBMITTED, DRY_RUN]),
        'The job is on record; or, of a dry run, what it would be.',
      ),
    },
    errors: SUBMISSION_ERRORS,
    examples: [
      { name: 'a job', body: EXAMPLE_TASK, answer: { msg: 'Task added' } },
      {
        name: 'an array of ten jobs, two at a time',
        body: {
          ...EXAMPLE_TASK,
          requirements: { cpu: 1, ram: 1, array: { values: '1:10', concurrency: 2 } },
        },
      },
      {
        name: 'a dry run',
        query: { dry_run: 1 },
        body: { ...EXAMPLE_TASK, command: { cmd: 'cat /home/alice/reads.fq\n' } },
        answer: {
          msg: 'Task would be added',
          granted: { image: 'debian:12', volumes: [{ name: 'home', acl: 'rw' }], root: false },
          advice: [{ code: 'no-shebang' }, { code: 'not-mounted' }],
        },
      },
      {
        name: 'what is wrong is named',
        body: { ...EXAMPLE_TASK, requirements: { cpu: 'many' } },
        status: 400,
        answer: { code: 'bad-field', field: 'requirements.cpu' },
      },
    ],
    handle: submit,
  }),
  route({
    method: 'GET',
    path: '/task/:id',
    tag: 'jobs',
    access: 'own-job',
    summary: 'Show a job',
    params: JOB_ID,
    answers: { 200: json(JOB, 'The job, with its script.') },
    examples: [
      {
        name: 'a job that waits',
        params: { id: 1 },
        answer: { id: 1, status: { primary: 'pending' } },
      },
      { name: 'a job that runs', params: { id: 2 }, answer: { status: { primary: 'running' } } },
      {
        name: 'a job that is over',
        params: { id: 3 },
        answer: { status: { primary: 'over', exitcode: 0 } },
      },
    ],
    async handle({ deps, job }) {
      const script = (await deps.store.scripts([job.id])).get(job.id) ?? '';
      const census = await censusOfJob(deps, job);
      const told = (await extrasFor(deps, [job]))(job);
      const isWaiting = told.obstacles?.some(isWithheld) === true;
      const obstacles = (isWaiting ? undefined : await limitOf(deps, job)) ?? told.obstacles;
      const diskBytes = job.state === 'over' ? await deps.store.diskOf(job.id) : undefined;
      return jobToWire(job, { script, ...told, obstacles, census, diskBytes });
    },
  }),
  route({
    method: 'GET',
    path: '/task/:id/status',
    tag: 'jobs',
    access: 'own-job',
    summary: "Show a job's status",
    params: JOB_ID,
    answers: { 200: json(JOB_STATUS, 'Where the job is.') },
    examples: [
      {
        name: 'a job that runs',
        params: { id: 2 },
        answer: { id: 2, status: { primary: 'running' } },
      },
    ],
    async handle({ deps, job }) {
      const { container, status } = jobToWire(job, (await extrasFor(deps, [job]))(job));
      return { id: job.id, status, container };
    },
  }),
  route({
    method: 'DELETE',
    path: '/task/:id',
    tag: 'jobs',
    access: 'own-job',
    summary: 'Kill a job',
    description: 'It is killed soon after the answer; of an array, all members are.',
    params: JOB_ID,
    answers: { 200: json(acted(...KILL_MESSAGES), 'The wish is on record.') },
    examples: [
      { name: 'a job that runs', params: { id: 2 }, answer: { msg: 'Task will be killed', id: 2 } },
      {
        name: 'a job that is over',
        params: { id: 3 },
        answer: { msg: 'Task is over already', id: 3 },
      },
    ],
    handle: kill,
  }),
];

type OfSubmission = Call<
  'signed-in',
  None,
  typeof SUBMIT_QUERY,
  typeof SUBMIT_HEADERS,
  TaskDocument
>;

async function submit(call: OfSubmission) {
  const { context, deps, person, query, headers, body } = call;
  const { store, notices, events } = deps;
  const startedAt = deps.clock.now();
  // A dry run is taken in maintenance too, and tells of it.
  if (!query.dry_run) await mustTakeJobs(deps);
  const submission = await readSubmission(deps, {
    task: body,
    person,
    isStrict: query.strict,
    idempotencyKey: headers['Idempotency-Key'] ?? null,
  });
  if (query.dry_run) return dryRun(deps, submission);
  const { job, warnings } = submission;
  const trace = deps.tracing?.submission(headers.traceparent ?? '', startedAt);
  let answer: SubmitAnswer | Limited | undefined;
  try {
    const hand = () => store.submit([traced(job, trace)], deps.config.limits.rate);
    // Of users' own submissions their jobs tell.
    const subject = { kind: 'user', id: job.owner } as const;
    [answer] = await (job.spec.submittedBy === undefined
      ? hand()
      : audited({ context, deps }, { act: 'job.submit-for', subject }, hand));
  } finally {
    trace?.ended(answer?.kind === 'stored' ? answer.id : null);
  }
  if (answer === undefined) throw new ServiceError('internal', 'the store gave no answer');
  if (answer.kind === 'limited') throw rateLimited(answer);
  if (answer.kind === 'key-reused')
    throw new ServiceError('key-reused', 'this Idempotency-Key belongs to another submission', {
      field: 'Idempotency-Key',
      id: answer.id,
    });
  if (answer.kind === 'stored') {
    notices.submitted([answer.id]);
    events.emit('job:submitted', { jobId: answer.id, owner: job.owner });
  }
  const { requestId } = context.state;
  deps.log.debug('submission answered', { requestId, jobId: answer.id, kind: answer.kind });
  return {
    msg: 'Task added',
    id: answer.id,
    image_used: deps.containerizer !== 'process',
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/** The digest stays that of what was asked for: a repetition under its key has a trace of its own. */
const traced = (job: NewJob, trace: SubmissionTrace | undefined): NewJob =>
  trace === undefined ? job : { ...job, spec: { ...job.spec, trace: trace.context } };

async function kill({ context, deps, person, job }: Call<'own-job', typeof JOB_ID>) {
  const { store, notices, events, clock } = deps;
  const { id, owner } = job;
  const subject = { kind: 'job', id: String(id) } as const;
  const act = { act: 'job.kill', subject, facts: { owner } } as const;
  const by = actorOf(person);
  const wantKill = () => store.wantKill(id, by, clock.now());
  // Of a job that is over nothing comes.
  const answer = await (job.state === 'over'
    ? wantKill()
    : auditedUnlessOwn({ context, deps }, owner, act, wantKill));
  if (answer === 'unknown')
    throw new ServiceError('job-not-found', `no job ${id}`, { field: 'id' });
  if (answer !== 'over') notices.killWanted(id);
  if (answer === 'wanted') events.emit('job:kill-wanted', { jobId: id, by });
  const after = await store.job(id);
  return {
    msg: killMessage(answer),
    id,
    ...(after === undefined ? {} : { status: statusToWire(after, extrasOf(deps)(after)) }),
  };
}

function killMessage(answer: 'wanted' | 'already' | 'over'): (typeof KILL_MESSAGES)[number] {
  switch (answer) {
    case 'wanted':
      return 'Task will be killed';
    case 'already':
      return 'Task is already being killed';
    case 'over':
      return 'Task is over already';
    default:
      return unreachable(answer);
  }
}
