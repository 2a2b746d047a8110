/** Jobs: submit, list, show, kill. */
import { Readable } from 'node:stream';
import type { Person } from '../../contracts/auth.js';
import { ServiceError } from '../../contracts/errors.js';
import { PAGE_ITEMS_MAX } from '../../contracts/limits.js';
import type { JobQuery } from '../../contracts/store.js';
import { unreachable } from '../../core/assert.js';
import type { Job, JobState } from '../../core/job.js';
import { projectId } from '../../core/units.js';
import { readJson } from '../body.js';
import { type Context, queryFlag, queryValue, readCount } from '../context.js';
import type { Routes } from '../routes.js';
import { readIdempotencyKey, readSubmission } from '../submission.js';
import { jobToWire, statusToWire } from '../wire.js';

const ACTIVE: readonly JobState[] = ['pending', 'launching', 'running', 'killing', 'unreachable'];
const OVER: readonly JobState[] = ['over'];
/** The old command line sends `limit` 0 for "all". */
const ALL = 0;

export function taskRoutes({ deps, router, signedIn, jobOf }: Routes): void {
  const { store, events, notices } = deps;
  const isImageUsed = deps.containerizer !== 'process';

  router.post('/task', async (context) => {
    const person = await signedIn(context);
    const { job, warnings } = await readSubmission(deps, {
      body: await readJson(context.req),
      person,
      isStrict: queryFlag(context, 'strict'),
      idempotencyKey: readIdempotencyKey(context.get('Idempotency-Key')),
    });
    const [answer] = await store.submit([job]);
    if (answer === undefined) throw new ServiceError('internal', 'the store gave no answer');
    if (answer.kind === 'key-reused')
      throw new ServiceError('key-reused', 'this Idempotency-Key belongs to another submission', {
        field: 'Idempotency-Key',
        id: answer.id,
      });
    if (answer.kind === 'stored') {
      notices.submitted([answer.id]);
      events.emit('job:submitted', { jobId: answer.id, owner: job.owner });
    }
    context.body = {
      msg: 'Task added',
      id: answer.id,
      image_used: isImageUsed,
      ...(warnings.length === 0 ? {} : { warnings }),
    };
  });

  router.get('/task/active', async (context) => {
    const person = await signedIn(context);
    await list(context, { owner: person.id, states: ACTIVE }, ALL);
  });

  router.get('/task/active/all', async (context) => {
    mustBeAdmin(await signedIn(context));
    await list(context, { states: ACTIVE }, ALL);
  });

  router.post('/task/over/all/:skip/:limit', async (context) => {
    mustBeAdmin(await signedIn(context));
    await listOver(context, context.params, {});
  });

  router.post('/task/over/:skip/:limit', async (context) => {
    const person = await signedIn(context);
    await listOver(context, context.params, { owner: person.id });
  });

  router.get('/task/:id', async (context) => {
    const job = await jobOf(context, context.params.id);
    const script = (await store.scripts([job.id])).get(job.id) ?? '';
    context.body = jobToWire(job, { script, isImageUsed });
  });

  router.get('/task/:id/status', async (context) => {
    const job = await jobOf(context, context.params.id);
    context.body = { id: job.id, status: statusToWire(job) };
  });

  router.delete('/task/:id', async (context) => {
    const person = await signedIn(context);
    const { id } = await jobOf(context, context.params.id);
    const answer = await store.wantKill(id, person.id, deps.clock.now());
    if (answer === 'unknown')
      throw new ServiceError('job-not-found', `no job ${id}`, { field: 'id' });
    if (answer !== 'over') notices.killWanted(id);
    if (answer === 'wanted') events.emit('job:kill-wanted', { jobId: id, by: person.id });
    const after = await store.job(id);
    context.body = {
      msg: killMessage(answer),
      id,
      ...(after === undefined ? {} : { status: statusToWire(after) }),
    };
  });

  async function listOver(
    context: Context,
    params: Readonly<Record<string, string | undefined>>,
    query: JobQuery,
  ): Promise<void> {
    const skip = readCount(params.skip, 'skip');
    const limit = readCount(params.limit, 'limit');
    await list(context, { ...query, states: OVER, skip }, limit);
  }

  /** Answers a JSON array page by page, so that a long list costs no memory. */
  async function list(context: Context, query: JobQuery, limit: number): Promise<void> {
    const project = queryValue(context, 'project');
    const whole = project === undefined ? query : { ...query, project: projectId(project) };
    const most = limit === ALL ? Number.POSITIVE_INFINITY : limit;
    // The first page is read before anything is sent: a store that is away is still a proper 503.
    const first = await store.list({ ...whole, limit: Math.min(most, PAGE_ITEMS_MAX) });
    context.type = 'application/json; charset=utf-8';
    context.body = Readable.from(documents(whole, most, first), { objectMode: false });
  }

  async function* documents(
    query: JobQuery,
    limit: number,
    first: readonly Job[],
  ): AsyncGenerator<string> {
    const { skip: _, ...rest } = query;
    let jobs = first;
    let sent = 0;
    while (jobs.length > 0) {
      const texts = jobs.map((job) => JSON.stringify(jobToWire(job, { isImageUsed })));
      yield (sent === 0 ? '[' : ',') + texts.join(',');
      sent += jobs.length;
      const last = jobs.at(-1);
      if (last === undefined || jobs.length < PAGE_ITEMS_MAX || sent >= limit) break;
      // Onwards by id, not by count: jobs that end meanwhile shift no page.
      const count = Math.min(limit - sent, PAGE_ITEMS_MAX);
      jobs = await store.list({ ...rest, before: last.id, limit: count });
    }
    yield sent === 0 ? '[]' : ']';
  }
}

function mustBeAdmin(person: Person): void {
  if (!person.isAdmin)
    throw new ServiceError('forbidden', "only administrators see everybody's jobs");
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
