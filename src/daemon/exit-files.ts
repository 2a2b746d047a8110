/** Exit codes that the cluster does not tell: the job directory's file has them, on a slow file server perhaps later. */
import type { Clock, Timers } from '../contracts/clock.js';
import { EXIT_FILE_WAIT_MS } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { FileStorage } from '../contracts/storage.js';
import type { LiveJob } from '../core/job.js';

export interface ExitFilePorts {
  readonly storage: Pick<FileStorage, 'exitFile'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

/** How often the job directory is looked at for an exit code that is not there yet. */
const EXIT_FILE_EACH_MS = 250;

/** The exit file's content; waits for it, other jobs do not wait. Null: not in time, or `isClosed` meanwhile. */
export async function exitFileOf(
  job: LiveJob,
  launch: number,
  { storage, clock, timers, log }: ExitFilePorts,
  isClosed: () => boolean,
): Promise<string | null> {
  const { taskId } = job.placement;
  const startedMs = clock.monotonicMs();
  while (!isClosed() && job.directory !== null) {
    try {
      const content = await storage.exitFile(job.directory, launch);
      if (content !== undefined) return content;
    } catch (error) {
      log.warn('exit file not read', { taskId, error });
    }
    if (clock.monotonicMs() - startedMs >= EXIT_FILE_WAIT_MS) break;
    await new Promise<void>((go) => timers.after(EXIT_FILE_EACH_MS, go));
  }
  return null;
}
