/**
 * An output file as the server tells it while it is written, where the server can. Whoever reads it also reads by ranges: what is not
 * told here, after a break or from an older server, is read there.
 */
import { SseReader } from '../core/sse.js';
import type { Client } from './client.js';
import { Failure } from './failure.js';

export interface LiveLogOptions {
  readonly client: Client;
  readonly jobId: number;
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
}

/** The server sends pieces of 64 KiB; control characters take six letters each. */
const EVENT_CHARS_MAX = 1024 * 1024;

export class LiveLog {
  readonly #options: LiveLogOptions;
  readonly #stop = new AbortController();
  #reading: Promise<void> = Promise.resolve();
  #isLive = false;
  /** The file is another one now, or begins again. */
  isBegunAgain = false;

  constructor(options: LiveLogOptions) {
    this.#options = options;
  }

  /** What is written is told; nobody has to ask. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** @param write takes the bytes from `offset` on; false: it stands elsewhere, the telling ends */
  start(from: number, write: (offset: number, bytes: Uint8Array) => Promise<boolean>): void {
    this.#reading = this.#read(from, write).finally(() => {
      this.#isLive = false;
    });
  }

  /** Resolves when nothing more is written. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#reading;
  }

  async #read(
    from: number,
    write: (offset: number, bytes: Uint8Array) => Promise<boolean>,
  ): Promise<void> {
    const { client, jobId, name, signal } = this.#options;
    const { signal: stopped } = this.#stop;
    const both = signal === undefined ? stopped : AbortSignal.any([signal, stopped]);
    const reader = new SseReader(EVENT_CHARS_MAX);
    const decoder = new TextDecoder();
    try {
      const query = { stream: name, follow: '1', from: String(from) };
      const path = `task/${jobId}/log`;
      // A token that ran out is renewed by the calls that must succeed.
      const answer = await client.open('GET', path, { query, signal: both, accept: [401] });
      const type = answer.headers.get('content-type') ?? '';
      if (!type.startsWith('text/event-stream')) return void (await answer.body?.cancel());
      this.#isLive = true;
      for await (const chunk of answer.body ?? [])
        for (const { event, data } of reader.push(decoder.decode(chunk, { stream: true }))) {
          if (event === 'truncated' || event === 'replaced') this.isBegunAgain = true;
          // What follows belongs to another file: it is read by whoever knows of which launch.
          if (event !== 'log') return;
          const { offset, bytes } = pieceIn(data);
          if (stopped.aborted || !(await write(offset, bytes))) return;
        }
    } catch (error) {
      // A broken connection, an older server, too many streams, or our own stop: ranges go on, and tell what is wrong.
      const isUsual = error instanceof Failure || error instanceof TypeError || both.aborted;
      if (!isUsual) throw error;
    } finally {
      this.#stop.abort();
    }
  }
}

function pieceIn(data: string): { readonly offset: number; readonly bytes: Uint8Array } {
  const { offset, text, base64 } = JSON.parse(data) as {
    readonly offset: number;
    readonly text?: string;
    readonly base64?: string;
  };
  return {
    offset,
    bytes: text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text),
  };
}
