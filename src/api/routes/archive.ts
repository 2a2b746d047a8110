/** Job directories that nobody needs any more. Old command lines archive with GET. */
import { archive } from '../disk.js';
import { mustBeAdmin } from '../people.js';
import type { Routes } from '../routes.js';

export function archiveRoutes({ deps, router, signedIn, jobOf }: Routes): void {
  router.get('/task/:id/archive', async (context) => {
    const job = await jobOf(context, context.params.id);
    const person = await signedIn(context);
    const archived = await archive(deps, job);
    deps.log.info('job archived', { jobId: job.id, by: person.id, archived });
    context.body = { msg: 'Task archived', id: job.id, archived };
  });

  // Sizes are kept as they were measured: whoever removed files by hand has them measured anew.
  router.post('/disk/recount', async (context) => {
    mustBeAdmin(await signedIn(context), 'have directories measured anew');
    const due = await deps.store.recountDisk();
    context.body = { msg: 'Directories will be measured', due };
  });
}
