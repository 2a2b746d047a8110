/**
 * Sends a job's output while it is written: looks at its file twice a second, by size, since the directory may be on a file server that
 * tells of no changes. Ends when the job is over and all was sent. The file is the user's: it may shrink, go or be another one.
 */
import type { Clock, Timer, Timers } from '../contracts/clock.js';
import { ServiceError } from '../contracts/errors.js';
import { BecameShorter, type JobFiles, type OpenFile } from '../contracts/files.js';
import {
  LOG_JOB_EACH_MS,
  LOG_LATE_MS_MAX,
  LOG_LOOK_EACH_MS,
  LOG_PIECE_BYTES,
} from '../contracts/limits.js';
import type { Log } from '../contracts/log.js';
import type { JobStore } from '../contracts/store.js';
import type { Job } from '../core/job.js';
import { type LogPiece, wholeLength } from '../core/log-piece.js';
import { formerOutput } from '../core/wrapper.js';
import type { EventStream } from './event-stream.js';

export interface FollowerPorts {
  readonly store: Pick<JobStore, 'job'>;
  readonly files: JobFiles;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

/** Where a reader stands. `identity` null: it has seen no file yet. */
export interface LogPlace {
  readonly identity: string | null;
  readonly offset: number;
}

/** What a look has found. */
type Look = 'missing' | 'more' | 'all';

/** As the id of an event; the place after it. */
export const placeText = ({ identity, offset }: LogPlace): string => `${identity ?? ''}.${offset}`;

/** Undefined: no place of ours. */
export function readPlace(text: string): LogPlace | undefined {
  const parts = /^([\w-]{0,40})\.(\d{1,15})$/.exec(text);
  if (parts === null) return undefined;
  const [, identity = '', offset = ''] = parts;
  return { identity: identity === '' ? null : identity, offset: Number(offset) };
}

export class LogFollower {
  readonly #ports: FollowerPorts;
  readonly #file: string;
  readonly #stream: EventStream;
  #place: LogPlace;
  #job: Job;
  /** The launch that wrote what has been sent. */
  #launch: number;
  #jobReadMs: number;
  #isJobNews = false;
  #overSinceMs: number | undefined;
  #timer: Timer | undefined;
  #wake: (() => void) | undefined;

  /** @param file in the job's directory: `god.log` */
  constructor(
    ports: FollowerPorts,
    { file, job, place }: { readonly file: string; readonly job: Job; readonly place: LogPlace },
    stream: EventStream,
  ) {
    this.#ports = ports;
    this.#file = file;
    this.#job = job;
    this.#launch = job.launches;
    this.#place = place;
    this.#stream = stream;
    this.#jobReadMs = ports.clock.monotonicMs();
  }

  /** The job may have changed. */
  jobChanged(): void {
    this.#isJobNews = true;
    this.wake();
  }

  /** Ends a pause early. */
  wake(): void {
    this.#timer?.cancel();
    this.#wake?.();
  }

  /** Until the stream is over. @param follows false: only what is there now */
  async run(follows: boolean): Promise<void> {
    try {
      while (!this.#stream.isOver) {
        await this.#readJob();
        // Known before the file is read: only then is what is read all there is.
        const isOver = !follows || this.#job.state === 'over';
        const look = await this.#look(isOver);
        if (this.#stream.isOver) return;
        if (look === 'all' && isOver) return this.#stream.end('complete');
        if (look === 'missing' && isOver && this.#isLateNoMore(follows))
          return this.#stream.end('missing');
        if (look !== 'more' || !this.#stream.isRead) await this.#pause();
      }
    } catch (error) {
      this.#ports.log.warn('a log is not followed any more', { jobId: this.#job.id, error });
      this.#stream.end('trouble');
    }
  }

  /** While the store is away it goes on with what it knows. */
  async #readJob(): Promise<void> {
    const { store, clock } = this.#ports;
    const nowMs = clock.monotonicMs();
    if (this.#job.state === 'over') return;
    if (!this.#isJobNews && nowMs - this.#jobReadMs < LOG_JOB_EACH_MS) return;
    this.#isJobNews = false;
    this.#jobReadMs = nowMs;
    try {
      this.#job = (await store.job(this.#job.id)) ?? this.#job;
    } catch (error) {
      if (!isAway(error)) throw error;
    }
  }

  /** A job that did not end by itself may never have come to writing anything. */
  #isLateNoMore(follows: boolean): boolean {
    const job = this.#job;
    const hasWritten = job.state === 'over' && job.outcome.kind === 'exited';
    if (!follows || !hasWritten) return true;
    const nowMs = this.#ports.clock.monotonicMs();
    this.#overSinceMs ??= nowMs;
    return nowMs - this.#overSinceMs > LOG_LATE_MS_MAX;
  }

  async #look(isOver: boolean): Promise<Look> {
    if (!this.#stream.isRead) return 'more';
    const file = await this.#open(this.#file);
    if (file === undefined) return 'missing';
    const { identity, offset } = this.#place;
    if (identity !== null && identity !== file.identity) {
      await file.close();
      if (!(await this.#sendRest())) this.#begin('replaced', file.identity);
      return 'more';
    }
    if (file.size < offset) this.#begin('truncated', file.identity);
    else this.#place = { identity: file.identity, offset };
    return this.#send(file, isOver);
  }

  /** The next launch may have begun before all of the former one was sent: that lies under another name then. */
  async #sendRest(): Promise<boolean> {
    // The number of launches may be older than the file.
    for (let launch = Math.max(1, this.#launch); launch <= this.#job.launches; launch++) {
      const former = await this.#open(formerOutput(this.#file, launch));
      if (former === undefined) continue;
      if (former.identity === this.#place.identity && former.size > this.#place.offset) {
        await this.#send(former, true);
        return true;
      }
      await former.close();
    }
    return false;
  }

  #begin(event: 'replaced' | 'truncated', identity: string): void {
    this.#place = { identity, offset: 0 };
    this.#launch = this.#job.launches;
    this.#stream.send({ id: placeText(this.#place), event, data: '{}' });
  }

  /** The next piece, if there is one; closes the file. */
  async #send(file: OpenFile, isLast: boolean): Promise<Look> {
    const { identity, offset } = this.#place;
    if (file.size <= offset) {
      await file.close();
      return 'all';
    }
    const end = Math.min(file.size, offset + LOG_PIECE_BYTES) - 1;
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of file.stream({ start: offset, end })) chunks.push(chunk as Buffer);
    } catch (error) {
      // What came until then is told; the next look sees the rest.
      if (!(error instanceof BecameShorter)) throw error;
    }
    const bytes = Buffer.concat(chunks);
    const isAll = offset + bytes.length >= file.size;
    const whole = bytes.subarray(0, wholeLength(bytes, isLast && isAll));
    // Half a character, or a file that shrank meanwhile.
    if (whole.length === 0) return 'all';
    this.#place = { identity, offset: offset + whole.length };
    this.#stream.send({
      id: placeText(this.#place),
      event: 'log',
      data: JSON.stringify(pieceOf(whole, offset)),
    });
    return isAll ? 'all' : 'more';
  }

  /** Undefined: it is not there (yet). */
  async #open(path: string): Promise<OpenFile | undefined> {
    try {
      const found = await this.#ports.files.find(this.#job, path);
      if (found.kind === 'file') return found.file;
      await found.directory.close();
      return undefined;
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'file-not-found') return undefined;
      throw error;
    }
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#ports.timers.after(LOG_LOOK_EACH_MS, resolve);
    });
    this.#wake = undefined;
  }
}

const isAway = (error: unknown): boolean =>
  error instanceof ServiceError && error.code === 'store-unavailable';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function pieceOf(bytes: Buffer, offset: number): LogPiece {
  try {
    return { offset, text: UTF8.decode(bytes) };
  } catch {
    // Whatever it is, it gets there as it is.
    return { offset, base64: bytes.toString('base64') };
  }
}
