/** One job: submit, show, kill. */
import { ServiceError } from '../../contracts/errors.js';
import type { Limited, NewJob, SubmitAnswer } from '../../contracts/store.js';
import type { SubmissionTrace } from '../../contracts/tracing.js';
import { unreachable } from '../../core/assert.js';
import { readJson } from '../body.js';
import { actorOf } from '../caller.js';
import { type Context, queryFlag } from '../context.js';
import type { ApiDeps } from '../deps.js';
import { censusOfJob, limitOf } from '../members.js';
import { rateLimited } from '../rate-limited.js';
import type { Routes } from '../routes.js';
import { readIdempotencyKey, readSubmission } from '../submission.js';
import { extrasFor, extrasOf, jobToWire, statusToWire } from '../wire.js';
import { isWithheld } from '../withheld.js';

export function taskRoutes(routes: Routes): void {
  const { deps, router, jobOf } = routes;
  router.post('/task', (context) => submit(context, routes));

  router.get('/task/:id', async (context) => {
    const job = await jobOf(context, context.params.id);
    const script = (await deps.store.scripts([job.id])).get(job.id) ?? '';
    const census = await censusOfJob(deps, job);
    const told = (await extrasFor(deps, [job]))(job);
    const isWaiting = told.obstacles?.some(isWithheld) === true;
    const obstacles = (isWaiting ? undefined : await limitOf(deps, job)) ?? told.obstacles;
    const diskBytes = job.state === 'over' ? await deps.store.diskOf(job.id) : undefined;
    context.body = jobToWire(job, { script, ...told, obstacles, census, diskBytes });
  });

  router.get('/task/:id/status', async (context) => {
    const job = await jobOf(context, context.params.id);
    const { container, status } = jobToWire(job, (await extrasFor(deps, [job]))(job));
    context.body = { id: job.id, status, container };
  });

  router.delete('/task/:id', (context) => kill(context, context.params.id, routes));
}

async function submit(context: Context, { deps, signedIn }: Routes): Promise<void> {
  const { store, notices, events } = deps;
  const startedAt = deps.clock.now();
  const person = await signedIn(context);
  const { job, warnings } = await readSubmission(deps, {
    body: await readJson(context.req),
    person,
    isStrict: queryFlag(context, 'strict'),
    idempotencyKey: readIdempotencyKey(context.get('Idempotency-Key')),
  });
  const trace = deps.tracing?.submission(context.get('traceparent'), startedAt);
  let answer: SubmitAnswer | Limited | undefined;
  try {
    [answer] = await store.submit([traced(job, trace)], deps.config.limits.rate);
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
  context.body = {
    msg: 'Task added',
    id: answer.id,
    image_used: deps.containerizer !== 'process',
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/** The digest stays that of what was asked for: a repetition under its key has a trace of its own. */
const traced = (job: NewJob, trace: SubmissionTrace | undefined): NewJob =>
  trace === undefined ? job : { ...job, spec: { ...job.spec, trace: trace.context } };

async function kill(
  context: Context,
  text: string | undefined,
  { deps, signedIn, jobOf }: Routes,
): Promise<void> {
  const { store, notices, events, clock }: ApiDeps = deps;
  const person = await signedIn(context);
  const { id } = await jobOf(context, text);
  const by = actorOf(person);
  const answer = await store.wantKill(id, by, clock.now());
  if (answer === 'unknown')
    throw new ServiceError('job-not-found', `no job ${id}`, { field: 'id' });
  if (answer !== 'over') notices.killWanted(id);
  if (answer === 'wanted') events.emit('job:kill-wanted', { jobId: id, by });
  const after = await store.job(id);
  context.body = {
    msg: killMessage(answer),
    id,
    ...(after === undefined ? {} : { status: statusToWire(after, extrasOf(deps)(after)) }),
  };
}

function killMessage(answer: 'wanted' | 'already' | 'over'): string {
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
