import type { Log } from '../contracts/log.js';

/** What was built, to be taken down in the opposite order. */
export class Stack {
  readonly #down: (readonly [what: string, stop: () => Promise<void> | void])[] = [];

  push(what: string, stop: () => Promise<void> | void): void {
    this.#down.push([what, stop]);
  }

  /** Goes on after a failure, so that nothing is left running. */
  async takeDown(log: Log): Promise<void> {
    for (let next = this.#down.pop(); next !== undefined; next = this.#down.pop()) {
      const [what, stop] = next;
      try {
        await stop();
      } catch (error) {
        log.error('not stopped cleanly', { what, error });
      }
    }
  }
}
