/** Who follows a job that takes long to start is told why: once in each state before its start. */
import type { ViewState } from './wire.js';

/** Most jobs start sooner; nobody wants to read why. */
const UNTOLD_MS_MAX = 5_000;

export class WaitToStart {
  #state: ViewState | undefined;
  #sinceMs = 0;
  #isTold = false;

  /** Whether to tell now. @param nowMs of a clock that only goes forward */
  isNews(state: ViewState, reason: string | null, nowMs: number): boolean {
    if (state !== this.#state) {
      this.#state = state;
      this.#sinceMs = nowMs;
      this.#isTold = false;
    }
    if ((state !== 'pending' && state !== 'launching') || this.#isTold || reason === null)
      return false;
    this.#isTold = nowMs - this.#sinceMs >= UNTOLD_MS_MAX;
    return this.#isTold;
  }
}
