/** Hold and release of jobs that wait. */
import { ServiceError } from '../../contracts/errors.js';
import { unreachable } from '../../core/assert.js';
import type { Job } from '../../core/job.js';
import { actorOf } from '../caller.js';
import type { Context } from '../context.js';
import type { Routes } from '../routes.js';
import { extrasFor, statusToWire } from '../wire.js';

export function holdRoutes(routes: Routes): void {
  const { router } = routes;
  router.post('/task/:id/hold', (context) => hold(context, context.params.id, routes));
  router.post('/task/:id/release', (context) => release(context, context.params.id, routes));
}

async function hold(context: Context, text: string | undefined, routes: Routes): Promise<void> {
  const { store, clock, events } = routes.deps;
  const person = await routes.signedIn(context);
  const job = await routes.jobOf(context, text);
  const isAdmin = person.isAdmin && job.owner !== person.id;
  const answer = await store.holdBack(job.id, { by: actorOf(person), isAdmin, at: clock.now() });
  switch (answer) {
    case 'unknown':
      throw unknown(job);
    case 'too-late':
      throw new ServiceError(
        'wrong-state',
        `job ${job.id} does not wait any more: only jobs that wait can be held`,
        { field: 'id' },
      );
    case 'held':
    case 'already':
      if (answer === 'held') events.emit('job:held', { jobId: job.id, by: actorOf(person) });
      await tell(context, job, routes, answer === 'held' ? 'Task is held' : 'Task is held already');
      return;
    default:
      unreachable(answer);
  }
}

async function release(context: Context, text: string | undefined, routes: Routes): Promise<void> {
  const { store, events } = routes.deps;
  const person = await routes.signedIn(context);
  const job = await routes.jobOf(context, text);
  const answer = await store.release(job.id, { isAdmin: person.isAdmin });
  switch (answer) {
    case 'unknown':
      throw unknown(job);
    case 'forbidden':
      throw new ServiceError(
        'forbidden',
        `job ${job.id} is held by an administrator: only one of them may release it`,
        { field: 'id' },
      );
    case 'not-held': {
      const ofArray = job.parent === undefined ? '' : `; its array ${job.parent} may be`;
      throw new ServiceError('wrong-state', `job ${job.id} is not held${ofArray}`, { field: 'id' });
    }
    case 'released':
      events.emit('job:released', { jobId: job.id, by: actorOf(person) });
      await tell(context, job, routes, 'Task is released');
      return;
    default:
      unreachable(answer);
  }
}

async function tell(context: Context, { id }: Job, { deps }: Routes, msg: string): Promise<void> {
  deps.notices.holdChanged(id);
  const after = await deps.store.job(id);
  const status =
    after === undefined
      ? {}
      : { status: statusToWire(after, (await extrasFor(deps, [after]))(after)) };
  context.body = { msg, id, ...status };
}

const unknown = ({ id }: Job): ServiceError =>
  new ServiceError('job-not-found', `no job ${id}`, { field: 'id' });
