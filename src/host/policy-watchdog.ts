/**
 * A cycle that does not come back stops everything on the main thread, the heartbeat of leadership included, and no code of ours
 * there can say so. A thread of its own counts how long a cycle takes; past the limit it says which policy it is, writes that down and ends the
 * process. Processes that start after several such ends go by order of submission.
 */
import { Worker } from 'node:worker_threads';
import { POLICY_STUCK_ENDS_MAX, POLICY_STUCK_MS } from '../contracts/limits.js';
import type { PolicyWatch } from '../contracts/policy-watch.js';

/** What the main thread tells, by index of shared memory. */
export const RUNNING = 0;
export const CYCLE = 1;

/** How often a policy has not come back, as written by the thread. */
export interface StuckPolicy {
  readonly policy: string;
  readonly times: number;
  /** Of the last time, as a date. */
  readonly at: string;
}

export interface WatchdogOrder {
  readonly policy: string;
  /** Where the ends are written down. */
  readonly file: string;
  readonly memory: SharedArrayBuffer;
  readonly stuckMs: number;
}

/** What was written, or undefined: nothing that can be read. */
export function readStuck(text: string | undefined): StuckPolicy | undefined {
  if (text === undefined) return undefined;
  try {
    const { policy, times, at } = JSON.parse(text) as Partial<StuckPolicy>;
    const isWhole = typeof policy === 'string' && typeof times === 'number' && times > 0;
    return isWhole ? { policy, times, at: String(at) } : undefined;
  } catch {
    return undefined;
  }
}

/** Why the policy is not used any more, for administrators; null: it is. */
export function givenUp(
  policy: string,
  file: string,
  stuck: StuckPolicy | undefined,
): string | null {
  if (stuck?.policy !== policy || stuck.times < POLICY_STUCK_ENDS_MAX) return null;
  return (
    `scheduler policy ${policy} did not come back within ${POLICY_STUCK_MS / 1_000} s, ${stuck.times} times, last on ${stuck.at}: ` +
    `jobs go by order of submission. Mend it, remove ${file} and restart the schedulers`
  );
}

export interface Watchdog extends PolicyWatch {
  stop(): Promise<void>;
}

/** Watches from now on. @param trouble why the policy is not used, if it is not */
export function watchPolicy(
  {
    policy,
    file,
    stuckMs = POLICY_STUCK_MS,
  }: Omit<WatchdogOrder, 'memory' | 'stuckMs'> & {
    readonly stuckMs?: number;
  },
  trouble: string | null,
): Watchdog {
  const memory = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  const told = new Int32Array(memory);
  const workerData: WatchdogOrder = { policy, file, memory, stuckMs };
  const worker = new Worker(new URL('./policy-watchdog-thread.js', import.meta.url), {
    workerData,
  });
  worker.unref();
  return {
    trouble,
    begins: () => {
      Atomics.add(told, CYCLE, 1);
      Atomics.store(told, RUNNING, 1);
    },
    ends: () => void Atomics.store(told, RUNNING, 0),
    stop: async () => void (await worker.terminate()),
  };
}
