// Has directories measured and removed by a thread of its own: a walk over a million files must hold up no launch. What is
// asked in one turn travels as one message, and so does what was found: a message costs more than a small directory.
import { Worker } from 'node:worker_threads';
import type { MeasuredDirectory } from '../../src/contracts/storage.js';

interface Order {
  readonly ticket: number;
  readonly directory: string;
}
export type KeeperOrder =
  | (Order & { readonly kind: 'measure'; readonly entriesMax: number })
  | (Order & { readonly kind: 'remove' });
export type KeeperAnswer =
  | { readonly ticket: number; readonly measured: MeasuredDirectory | null }
  | { readonly ticket: number; readonly because: string };

export type KeeperPortion = readonly KeeperOrder[];
export type KeeperAnswers = readonly KeeperAnswer[];

interface Waiting {
  readonly resolve: (measured: MeasuredDirectory | null) => void;
  readonly reject: (error: Error) => void;
}

/** The thread starts when it is first needed and keeps no process alive that has nothing else to do. */
export class Keeper {
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #gathered: KeeperOrder[] = [];
  #lastTicket = 0;

  /** @throws Error with the system's message */
  async measure(directory: string, entriesMax: number): Promise<MeasuredDirectory> {
    const order = { kind: 'measure', directory, entriesMax } as const;
    const measured = await this.#ask((ticket) => ({ ...order, ticket }));
    return measured ?? { bytes: 0, entries: 0, isWhole: false };
  }

  /** @throws Error with the system's message */
  async remove(directory: string): Promise<void> {
    await this.#ask((ticket) => ({ kind: 'remove', ticket, directory }));
  }

  #ask(orderOf: (ticket: number) => KeeperOrder): Promise<MeasuredDirectory | null> {
    return new Promise((resolve, reject) => {
      const ticket = ++this.#lastTicket;
      this.#waiting.set(ticket, { resolve, reject });
      if (this.#gathered.length === 0) setImmediate(() => this.#send());
      this.#gathered.push(orderOf(ticket));
    });
  }

  #send(): void {
    const portion = this.#gathered;
    this.#gathered = [];
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage(portion satisfies KeeperPortion);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./keeper-thread.js', import.meta.url));
    worker.on('message', (answers: KeeperAnswers) => {
      for (const answer of answers) {
        const waiting = this.#waiting.get(answer.ticket);
        this.#waiting.delete(answer.ticket);
        if ('because' in answer) waiting?.reject(new Error(answer.because));
        else waiting?.resolve(answer.measured);
      }
      if (this.#waiting.size === 0) worker.unref();
    });
    worker.on('error', (error) => this.#end(worker, error.message));
    worker.on('exit', () => this.#end(worker, 'its thread ended'));
    return worker;
  }

  /** What it had to do was not done, or nobody knows; the next order starts another one. */
  #end(worker: Worker, because: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values())
      reject(new Error(`the job directory was not looked through: ${because}`));
    this.#waiting.clear();
  }
}
