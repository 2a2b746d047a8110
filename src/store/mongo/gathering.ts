// Calls that come while others are under way go together: they share round trips, and the wait for the journal.

interface Waiting<Ask, Answer> {
  readonly ask: Ask;
  readonly weight: number;
  readonly settle: (answer: Answer) => void;
  readonly fail: (error: unknown) => void;
}

/** What became of one call of a group. */
export type Settled<Answer> =
  | { readonly answer: Answer }
  | { readonly error: unknown }
  /** Not now: it goes with the next group. */
  | 'later';

export interface GatheringOptions {
  /** Groups under way at the same time. */
  readonly groupsMax: number;
  /** Sum of the weights in one group; a heavier call goes alone. */
  readonly weightMax: number;
}

export class Gathering<Ask, Answer> {
  readonly #perform: (asks: readonly Ask[]) => Promise<readonly Settled<Answer>[]>;
  readonly #options: GatheringOptions;
  #waiting: Waiting<Ask, Answer>[] = [];
  #underWay = 0;

  /** What `perform` throws becomes of all calls of its group. */
  constructor(
    options: GatheringOptions,
    perform: (asks: readonly Ask[]) => Promise<readonly Settled<Answer>[]>,
  ) {
    this.#options = options;
    this.#perform = perform;
  }

  call(ask: Ask, weight: number): Promise<Answer> {
    return new Promise((settle, fail) => {
      this.#waiting.push({ ask, weight, settle, fail });
      // The calls of one turn of the event loop go together.
      if (this.#waiting.length === 1) setImmediate(() => this.#next());
    });
  }

  #next(): void {
    while (this.#waiting.length > 0 && this.#underWay < this.#options.groupsMax) {
      const group = this.#takeGroup();
      this.#underWay += 1;
      void this.#run(group).finally(() => {
        this.#underWay -= 1;
        this.#next();
      });
    }
  }

  #takeGroup(): readonly Waiting<Ask, Answer>[] {
    let weight = 0;
    const fits = this.#waiting.findIndex((one, at) => {
      weight += one.weight;
      return at > 0 && weight > this.#options.weightMax;
    });
    return this.#waiting.splice(0, fits === -1 ? this.#waiting.length : fits);
  }

  async #run(group: readonly Waiting<Ask, Answer>[]): Promise<void> {
    try {
      const settled = await this.#perform(group.map(({ ask }) => ask));
      const late: Waiting<Ask, Answer>[] = [];
      for (const [at, one] of group.entries()) {
        const result = settled[at];
        if (result === undefined || result === 'later') late.push(one);
        else if ('answer' in result) one.settle(result.answer);
        else one.fail(result.error);
      }
      this.#waiting.unshift(...late);
    } catch (error) {
      for (const { fail } of group) fail(error);
    }
  }
}
