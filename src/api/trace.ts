/** Jobs that have ended as a workload that `godocker simulate` replays: a JSON object a line, page by page. */
import { createHmac } from 'node:crypto';
import { PAGE_ITEMS_MAX } from '../contracts/limits.js';
import type { Store } from '../contracts/store.js';
import type { OverJob } from '../core/job.js';
import { PROJECT_OF_ALL } from '../core/policy.js';
import { needsOf } from '../core/retry.js';
import type { Instant } from '../core/units.js';

export interface TracePeriod {
  /** Ended then or later. */
  readonly since: Instant;
  /** And before. */
  readonly until: Instant;
}

/** What stands for a user or a project in the trace. */
export type Names = (kind: 'user' | 'project', name: string) => string;

export const TRUE_NAMES: Names = (_, name) => name;

/** The same name for the same user throughout one trace, and another one in the next. `default` is no secret. */
export const anonymous =
  (key: Uint8Array): Names =>
  (kind, name) => {
    if (kind === 'project' && name === PROJECT_OF_ALL) return name;
    const digest = createHmac('sha256', key).update(`${kind} ${name}`).digest('hex');
    return `${kind}-${digest.slice(0, 12)}`;
  };

/** Pages of lines. Jobs that never ran, and parents of arrays, are left out; of those launched again, the last launch counts. */
export async function* traceLines(
  store: Pick<Store, 'ended'>,
  period: TracePeriod,
  names: Names,
): AsyncGenerator<string> {
  for (let after: OverJob | null = null; ; ) {
    const page: readonly OverJob[] = await store.ended({ ...period, after, limit: PAGE_ITEMS_MAX });
    const lines = page.flatMap((job) => lineOf(job, names) ?? []);
    if (lines.length > 0) yield lines.join('');
    after = page.at(-1) ?? null;
    if (after === null || page.length < PAGE_ITEMS_MAX) return;
  }
}

function lineOf(job: OverJob, names: Names): string | undefined {
  const { owner, project, submittedAt, startedAt, endedAt, spec, placement } = job;
  if (startedAt === null || placement === null) return undefined;
  const { cpuMilli, memMb, gpus } = needsOf(job);
  const line = {
    user: names('user', owner),
    project: names('project', project),
    submitted: new Date(submittedAt).toISOString(),
    cpus: cpuMilli / 1_000,
    memory_mb: memMb,
    gpus,
    // A job of no length would be none.
    run_seconds: Math.max(1, endedAt - startedAt) / 1_000,
    ...(spec.lifespanMs === null ? {} : { lifespan_seconds: spec.lifespanMs / 1_000 }),
  };
  return `${JSON.stringify(line)}\n`;
}
