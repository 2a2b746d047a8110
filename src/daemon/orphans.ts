/**
 * Tasks alive in the cluster that no job holds. A restored backup must not kill a cluster: of tasks whose origin the
 * record cannot prove only so many are killed in one term.
 */
import type { TaskUpdate } from '../contracts/cluster.js';
import { ORPHAN_KILLS_MAX } from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { Job } from '../core/job.js';
import type { TaskId } from '../core/units.js';

const INSTALLATION_LABEL = 'godocker.installation';

export class Orphans {
  readonly #installation: string;
  readonly #log: Log;
  /** Told to die in this term. */
  readonly #condemned = new Set<TaskId>();

  constructor(installation: string, log: Log) {
    this.#installation = installation;
    this.#log = log;
  }

  /**
   * Whether an orphan is to be killed.
   * @param launch the launch its id names; `record`: the job of its id as the store has it now, if any.
   */
  condemns(update: TaskUpdate, launch: number, record: Job | undefined): boolean {
    const { taskId } = update;
    const installation = update.labels[INSTALLATION_LABEL];
    // Clusters that tell no labels tell only tasks of our own framework.
    if (installation !== undefined && installation !== this.#installation) return false;
    // The record knows this launch and has let go of it: no backup can be the reason.
    const isSuperseded = record !== undefined && launch <= record.launches;
    if (!isSuperseded && !this.#condemned.has(taskId)) {
      if (this.#condemned.size >= ORPHAN_KILLS_MAX) {
        this.#log.error('orphan left alive: too many in one term, see the administrator', {
          taskId,
        });
        return false;
      }
      this.#condemned.add(taskId);
    }
    this.#log.warn('orphan killed: a task that no job holds', { taskId });
    return true;
  }
}
