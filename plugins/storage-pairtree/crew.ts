// The threads that make job directories: one on a quick disk, more beside a file server that answers slowly.
import { Worker } from 'node:worker_threads';
import type { JobDirectoryOrder } from '../../src/contracts/storage.js';

/** What a thread is sent, and what it answers. */
export type Portion = readonly (readonly [ticket: number, order: JobDirectoryOrder])[];
export interface Made {
  readonly made: readonly (readonly [
    ticket: number,
    made: { readonly directory: string } | { readonly because: string },
  ])[];
  readonly tookMs: number;
}

/** Orders of one message: fewer cost more messages, more let the first ones wait for the last. */
const PORTION = 8;
/** Hides some of a file server's latency; each thread costs a few megabytes. */
const THREADS_MAX = 8;
/** A directory takes a local disk a fraction of a millisecond. Where it takes longer, more threads help. */
const SLOW_MS = 4;

interface Waiting {
  readonly resolve: (directory: string) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
}

/** Threads start when they are first needed and keep no process alive that has nothing else to do. */
export class Crew {
  readonly #root: string;
  readonly #threads = new Set<Thread>();
  #gathered: { readonly order: JobDirectoryOrder; readonly waiting: Waiting }[] = [];
  #lastTicket = 0;

  /** @param root the site's shared directory */
  constructor(root: string) {
    this.#root = root;
  }

  /** Resolves with the directory's path. @throws Error with the system's message */
  prepare(order: JobDirectoryOrder): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#gathered.length === 0) setImmediate(() => this.#send());
      this.#gathered.push({ order, waiting: { resolve, reject } });
    });
  }

  /** What was ordered in one turn goes out in portions, each to whoever has least to do. */
  #send(): void {
    const gathered = this.#gathered;
    this.#gathered = [];
    for (let at = 0; at < gathered.length; at += PORTION) {
      const thread = this.#leastBusy() ?? this.#start();
      thread.worker.ref();
      const portion = gathered.slice(at, at + PORTION).map(({ order, waiting }) => {
        const ticket = ++this.#lastTicket;
        thread.waiting.set(ticket, waiting);
        return [ticket, order] as const;
      });
      thread.worker.postMessage(portion satisfies Portion);
    }
  }

  #leastBusy(): Thread | undefined {
    let least: Thread | undefined;
    for (const thread of this.#threads)
      if (least === undefined || thread.waiting.size < least.waiting.size) least = thread;
    return least;
  }

  #start(): Thread {
    const worker = new Worker(new URL('./thread.js', import.meta.url), {
      workerData: { root: this.#root },
    });
    const thread: Thread = { worker, waiting: new Map() };
    this.#threads.add(thread);
    worker.on('message', (made: Made) => this.#made(thread, made));
    worker.on('error', (error) => this.#end(thread, error.message));
    worker.on('exit', () => this.#end(thread, 'its thread ended'));
    return thread;
  }

  #made(thread: Thread, { made, tookMs }: Made): void {
    for (const [ticket, one] of made) {
      const waiting = thread.waiting.get(ticket);
      thread.waiting.delete(ticket);
      if ('directory' in one) waiting?.resolve(one.directory);
      else waiting?.reject(new Error(one.because));
    }
    const isSlow = tookMs > SLOW_MS * made.length;
    // Later orders find it, since it has nothing to do yet.
    if (isSlow && thread.waiting.size > 0 && this.#threads.size < THREADS_MAX) this.#start();
    for (const { worker, waiting } of this.#threads) if (waiting.size === 0) worker.unref();
  }

  /** What it had to do was not done, or nobody knows; the next order starts another one. */
  #end(thread: Thread, because: string): void {
    this.#threads.delete(thread);
    for (const { reject } of thread.waiting.values())
      reject(new Error(`the job directory was not made: ${because}`));
    thread.waiting.clear();
  }
}
