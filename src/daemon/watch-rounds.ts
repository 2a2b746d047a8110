/**
 * Asks one watcher plugin about each running job, again and again. What the plugin does wrong — it throws, never answers, answers
 * nonsense — is said with its name once a round; the job goes on, and no other plugin waits for it.
 */
import type { Clock, Timers } from '../contracts/clock.js';
import {
  PLUGIN_CALL_MS_MAX,
  WATCHER_CALLS_AT_ONCE_MAX,
  WATCHER_WORDS_CHARS_MAX,
} from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { Watcher, WatcherVerdict } from '../contracts/watcher.js';
import type { WatchedStore } from '../contracts/watching.js';
import type { KillWanted, RunningJob } from '../core/job.js';
import { slotOf } from '../core/slots.js';
import { type JobId, userId } from '../core/units.js';
import type { RunningJobs } from './running-jobs.js';
import { Turns } from './turns.js';

export interface WatchRoundsPorts {
  readonly store: Pick<WatchedStore, 'wantKillOf'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly failed: (error: unknown) => void;
  readonly jobs: Pick<RunningJobs, 'now'>;
  /** Whether the slot is surely ours now. */
  readonly has: (slot: number) => boolean;
  /** A kill was stored: whoever leads should look. */
  readonly killWanted: (id: JobId) => void;
}

export interface NamedWatcher {
  /** As in the configuration. */
  readonly name: string;
  readonly watcher: Watcher;
}

type Answer = WatcherVerdict | 'late' | { readonly wrong: unknown };

export class WatchRounds {
  readonly #ports: WatchRoundsPorts;
  readonly #plugin: NamedWatcher;
  readonly #turns: Turns;
  /** Calls that the plugin has not answered yet, however long ago they were: they bound what it can pile up here. */
  readonly #underWay = new Set<JobId>();
  #kills = 0;

  constructor(ports: WatchRoundsPorts, plugin: NamedWatcher, eachMs: number) {
    this.#ports = ports;
    this.#plugin = plugin;
    this.#turns = new Turns(ports, {
      work: async () => {
        await this.#askAll();
        return eachMs;
      },
      away: (error) =>
        ports.log.warn('running jobs not watched; tried again', { watcher: plugin.name, error }),
      awayMs: eachMs,
    });
  }

  /** Kills that were stored because of it. */
  get kills(): number {
    return this.#kills;
  }

  start(): void {
    this.#turns.start();
  }

  stop(): Promise<void> {
    return this.#turns.stop();
  }

  async #askAll(): Promise<void> {
    const { jobs, log } = this.#ports;
    const left = (await jobs.now()).filter(({ killWanted }) => killWanted === null).reverse();
    const trouble = { late: 0, wrong: 0, unasked: 0, jobId: 0 as number, error: null as unknown };
    const line = async () => {
      for (let job = left.pop(); job !== undefined && !this.#turns.isStopped; job = left.pop()) {
        // One that does not answer is not asked about everything else as well.
        if (trouble.late > 0 || this.#underWay.size >= WATCHER_CALLS_AT_ONCE_MAX) {
          trouble.unasked += 1;
          continue;
        }
        if (this.#underWay.has(job.id)) continue;
        const answer = await this.#ask(job);
        if (answer === 'late') trouble.late += 1;
        else if ('wrong' in answer) {
          trouble.wrong += 1;
          trouble.error = answer.wrong;
        } else {
          if (answer.verdict === 'kill') await this.#kill(job, answer.because);
          continue;
        }
        trouble.jobId = job.id;
      }
    };
    await Promise.all(Array.from({ length: WATCHER_CALLS_AT_ONCE_MAX }, line));
    const { late, wrong, unasked } = trouble;
    if (late + wrong + unasked > 0)
      log.warn('watcher plugin failed; its jobs go on', {
        watcher: this.#plugin.name,
        ...trouble,
      });
  }

  /** Never rejects, and never takes longer than a plugin's call may. */
  #ask(job: RunningJob): Promise<Answer> {
    const { clock, timers } = this.#ports;
    return new Promise((resolve) => {
      const wrong = (error: unknown) => resolve({ wrong: error });
      let answer: WatcherVerdict | Promise<WatcherVerdict>;
      try {
        answer = this.#plugin.watcher.whileRunning(job, clock.now());
      } catch (error) {
        wrong(error);
        return;
      }
      if (!isPromise(answer)) {
        resolve(checked(answer));
        return;
      }
      this.#underWay.add(job.id);
      const limit = timers.after(PLUGIN_CALL_MS_MAX, () => resolve('late'));
      answer
        .then((verdict) => resolve(checked(verdict)), wrong)
        .finally(() => {
          limit.cancel();
          this.#underWay.delete(job.id);
        });
    });
  }

  /** A watcher that has lost the slot leaves the verdict to the one that has it. */
  async #kill(job: RunningJob, words: string): Promise<void> {
    const { store, clock, log, has, killWanted } = this.#ports;
    if (!has(slotOf(job.id))) return;
    const { name } = this.#plugin;
    const because = words.slice(0, WATCHER_WORDS_CHARS_MAX);
    const wanted: KillWanted = {
      by: userId(`watcher:${name}`),
      at: clock.now(),
      because: { code: 'watcher', facts: { watcher: name, because } },
    };
    const answer = await store.wantKillOf({ id: job.id, launch: job.launches }, wanted);
    if (answer !== 'wanted') return;
    this.#kills += 1;
    log.info('job is to be ended', { jobId: job.id, watcher: name, because });
    killWanted(job.id);
  }
}

const isPromise = (
  answer: WatcherVerdict | Promise<WatcherVerdict>,
): answer is Promise<WatcherVerdict> =>
  typeof (answer as { readonly then?: unknown } | null)?.then === 'function';

/** Plugins are other people's code: what they answer is looked at. */
function checked(answer: unknown): Answer {
  const { verdict, because } = (answer ?? {}) as { verdict?: unknown; because?: unknown };
  if (verdict === 'keep') return { verdict };
  if (verdict === 'kill' && typeof because === 'string' && because !== '')
    return { verdict, because };
  return { wrong: new Error(`it answered ${JSON.stringify(answer) ?? 'nothing'}`) };
}
