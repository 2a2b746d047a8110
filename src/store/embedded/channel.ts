// The main thread's end of a thread of the store: calls that gather while it works travel as one message.
import { Worker } from 'node:worker_threads';
import { ServiceError } from '../../contracts/errors.js';
import type { Log } from '../../contracts/log.js';
import { assert, Bug } from '../../core/assert.js';
import type { Envelope, Failure, Notice, Opened, Reply } from './requests.js';
import type { ThreadOptions } from './thread.js';

/** Messages under way: one that the thread works on and one that waits for it. Each costs more than what is in it. */
const MESSAGES_AHEAD = 2;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (failure: Error) => void;
}

/** `S`: the questions the thread answers. */
export class Channel<S extends { [Kind in keyof S]: { ask: unknown; answer: unknown } }> {
  readonly #worker: Worker;
  readonly #log: Log;
  readonly #waiting = new Map<number, Waiting>();
  #outgoing: Envelope[] = [];
  /** How many calls of each message under way have no answer yet. Answers come in the order of the calls. */
  readonly #underWay: number[] = [];
  #lastTicket = 0;
  /** Set once nothing more can be asked. */
  #ended: Failure | undefined;

  private constructor(worker: Worker, log: Log) {
    this.#worker = worker;
    this.#log = log;
    worker.on('message', (reply: Reply | Notice) => {
      if ('message' in reply) {
        log.error(reply.message, reply.facts);
        return;
      }
      for (const [ticket, result] of reply) {
        const waiting = this.#waiting.get(ticket);
        this.#waiting.delete(ticket);
        if (result.ok) waiting?.resolve(result.answer);
        else waiting?.reject(errorOf(result.failure));
      }
      this.#answered(reply.length);
    });
    worker.on('error', (error) => this.#end(died(error.message, error.stack)));
    worker.on('exit', () => this.#end(died('its thread ended')));
  }

  /** Starts the thread and waits until it has opened the file. @throws ServiceError store-unavailable */
  static async open<S extends { [Kind in keyof S]: { ask: unknown; answer: unknown } }>(
    options: ThreadOptions,
    log: Log,
  ): Promise<Channel<S>> {
    const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: options });
    const opened = await new Promise<Opened>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(errorOf(died('its thread ended before it served'))));
    });
    if (opened.failure !== null) {
      await worker.terminate();
      throw errorOf(opened.failure);
    }
    return new Channel<S>(worker, log);
  }

  /** Resolves with the thread's answer. @throws ServiceError store-unavailable; Bug when the failure is ours */
  call<Kind extends keyof S & string>(kind: Kind, ask: S[Kind]['ask']): Promise<S[Kind]['answer']> {
    const ended = this.#ended;
    if (ended !== undefined) return Promise.reject(errorOf(ended));
    return new Promise((resolve, reject) => {
      const ticket = ++this.#lastTicket;
      this.#waiting.set(ticket, { resolve, reject });
      if (this.#outgoing.length === 0) setImmediate(() => this.#flush());
      this.#outgoing.push({ ticket, call: { kind, ask } as Envelope['call'] });
    });
  }

  /** Lets what was asked finish, then ends the thread. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const done = new Promise<unknown>((resolve, reject) => {
      const ticket = ++this.#lastTicket;
      this.#waiting.set(ticket, { resolve, reject });
      this.#outgoing.push({ ticket, call: { kind: 'close', ask: null } });
      this.#flush();
    });
    this.#ended = { because: 'closed', detail: 'the store is closed', stack: '' };
    await done;
    await this.#worker.terminate();
  }

  #flush(): void {
    if (this.#outgoing.length === 0 || this.#underWay.length >= MESSAGES_AHEAD) return;
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    this.#underWay.push(outgoing.length);
    this.#worker.postMessage(outgoing);
  }

  #answered(calls: number): void {
    for (let left = calls; left > 0; ) {
      const first = this.#underWay[0];
      assert(first !== undefined, 'only what was asked is answered');
      const part = Math.min(first, left);
      left -= part;
      if (part === first) this.#underWay.shift();
      else this.#underWay[0] = first - part;
    }
    this.#flush();
  }

  #end(failure: Failure): void {
    if (this.#ended === undefined) this.#log.error('a thread of the store died', { ...failure });
    this.#ended ??= failure;
    for (const { reject } of this.#waiting.values()) reject(errorOf(failure));
    this.#waiting.clear();
  }
}

const died = (detail: string, stack = ''): Failure => ({
  because: 'thread-died',
  detail: `the store has stopped: ${detail}`,
  stack,
});

/** What callers see of a failure in a thread: trouble of the world, or a bug of ours. */
export function errorOf({ because, detail, stack }: Failure): Error {
  const cause = new Error(detail);
  if (stack !== '') cause.stack = stack;
  if (because === null) {
    const bug = new Bug(detail);
    bug.cause = cause;
    return bug;
  }
  return new ServiceError(
    'store-unavailable',
    `the store cannot serve: ${detail}`,
    { because },
    { cause },
  );
}
