/**
 * Hears from the server which jobs changed, in one stream for the whole page, and tells who shows them. While the stream lives
 * nobody has to ask; while it does not, everybody asks as before. Read with fetch, so that the token stays in a header.
 */
import { SseReader } from '../../src/core/sse.js';
import type { Api } from './api.js';

/** Null: something may have been missed. */
type Listener = (jobs: ReadonlySet<number> | null) => void;

const EVENT_CHARS_MAX = 1_000_000;
/** The server says something each 15 s: a stream that is silent for longer is dead, though nobody says so. */
const SILENCE_MS_MAX = 40_000;
const AGAIN_MS_MIN = 1_000;
const AGAIN_MS_MAX = 60_000;

export class Changes {
  readonly #api: Api;
  readonly #listeners = new Set<Listener>();
  #stop: AbortController | undefined;
  #lastId: string | undefined;
  #isLive = false;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Changes are told now; else one has to ask. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** Ends with the returned call; the stream ends with the last listener. */
  hear(listen: Listener): () => void {
    this.#listeners.add(listen);
    if (this.#stop === undefined) {
      this.#stop = new AbortController();
      void this.#run(this.#stop.signal);
    }
    return () => {
      this.#listeners.delete(listen);
      // Pages follow one another: the next one may be about to listen.
      setTimeout(() => {
        if (this.#listeners.size === 0) this.close();
      }, 1_000);
    };
  }

  close(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#isLive = false;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let tries = 0;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        await this.#read(signal);
        // A stream that lived for a while has done its work.
        if (performance.now() - startedAt > SILENCE_MS_MAX) tries = 0;
      } catch {
        // Whatever it was, one asks until the next try; what the server refuses it refuses then, too.
      }
      if (signal.aborted) return;
      this.#isLive = false;
      this.#tell(null);
      const pauseMs = Math.min(AGAIN_MS_MAX, AGAIN_MS_MIN * 2 ** tries++);
      // Not all at once, when a server comes back.
      await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random() / 2)));
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS_MAX);
    try {
      const both = AbortSignal.any([signal, silence.signal]);
      const body = await this.#api.events(this.#lastId, both);
      const reader = new SseReader(EVENT_CHARS_MAX);
      const decoder = new TextDecoder();
      this.#isLive = true;
      const chunks = body.getReader();
      for (;;) {
        const { value, done } = await chunks.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS_MAX);
        for (const event of reader.push(decoder.decode(value, { stream: true }))) {
          if (event.event === 'jobs') this.#tell(idsIn(event.data));
          if (event.event === 'resync') this.#tell(null);
        }
        this.#lastId = reader.lastId ?? this.#lastId;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #tell(jobs: ReadonlySet<number> | null): void {
    for (const listen of [...this.#listeners]) listen(jobs);
  }
}

/** What cannot be read may be anything. */
function idsIn(data: string): ReadonlySet<number> | null {
  const { jobs } = JSON.parse(data) as { jobs?: unknown };
  if (!Array.isArray(jobs)) return null;
  return new Set(jobs.map((job: { id?: unknown }) => Number(job?.id)));
}
