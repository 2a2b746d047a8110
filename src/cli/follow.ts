/** Reads the output files of a job while they grow, by byte offset, until the job is over and nothing is left. */
import { setTimeout as sleep } from 'node:timers/promises';
import { formerOutput } from '../core/wrapper.js';
import { type Client, fileRoute } from './client.js';
import { Refused, Unreachable } from './failure.js';
import { LiveLog } from './live-log.js';
import { WaitToStart } from './wait-to-start.js';
import {
  type FormerLaunchView,
  isEnd,
  type JobView,
  readJob,
  readWholeStatus,
  type StatusView,
  type ViewState,
} from './wire.js';

/** Between two looks: quick while something happens, slower while nothing does. */
const LOOK_MS_MIN = 50;
const LOOK_MS_MAX = 1_000;
const SLOWER_BY = 1.5;
/** Between two tries of a server that does not answer. */
const AWAY_LOOK_MS_MIN = 250;
const AWAY_LOOK_MS_MAX = 5_000;
/** A file server may show a new file late (NFS caches names for up to a minute): waited for, then told. */
const LATE_FILE_MS_MAX = 65_000;
/** A job that did not end by itself may never have come to writing anything. */
const DOUBTFUL_FILE_MS_MAX = 3_000;
/** A service that restarts, or a network that comes and goes, does not end the following. */
const PATIENCE_MS_MAX = 10 * 60_000;

export type StreamName = 'god.log' | 'god.err';

/** One output file, and where its bytes go. */
export interface LogStream {
  readonly name: StreamName;
  readonly write: (chunk: Uint8Array) => Promise<void>;
}

export interface FollowOptions {
  readonly client: Client;
  readonly jobId: number;
  readonly streams: readonly LogStream[];
  readonly signal?: AbortSignal | undefined;
  /** Hears of each state once. */
  readonly onState?: (state: ViewState) => void;
  /** The job is new: what launches wrote that ended before the first look is shown too. */
  readonly isFromFirst?: boolean;
  /** Hears of further launches: how many there were now and at the last look, and what came of the former ones. */
  readonly onRelaunch?: (
    launches: number,
    before: number,
    former: readonly FormerLaunchView[],
  ) => void;
  readonly warn: (sentence: string) => void;
}

/** Returns the job as it ended, after all of its output was written. */
export async function follow(options: FollowOptions): Promise<JobView> {
  const readers = options.streams.map((stream) => new LogReader(options, stream));
  try {
    return await followWith(options, readers);
  } finally {
    for (const reader of readers) await reader.stop();
  }
}

async function followWith(options: FollowOptions, readers: readonly LogReader[]): Promise<JobView> {
  let lookMs = LOOK_MS_MIN;
  let known: ViewState | undefined;
  let awaySince: number | null = null;
  let launches = options.isFromFirst === true ? 1 : 0;
  const wait = new WaitToStart();
  for (;;) {
    try {
      const { state, reason, ...told } = await statusOf(options);
      if (launches > 0 && told.launches > launches) {
        for (const reader of readers) await reader.goOver(launches, told.launches);
        options.onRelaunch?.(told.launches, launches, told.formerLaunches);
      }
      // A job that waits will have a first launch.
      launches = Math.max(1, told.launches);
      if (state !== known) options.onState?.(state);
      if (wait.isNews(state, reason, performance.now()))
        options.warn(`job ${options.jobId} is ${state}: ${reason}`);
      const isNews = state !== known || (await readAll(readers, state));
      lookMs = isNews ? LOOK_MS_MIN : Math.min(LOOK_MS_MAX, lookMs * SLOWER_BY);
      known = state;
      if (awaySince !== null) options.warn('the server answers again');
      awaySince = null;
      if (isEnd(state)) return await finish(options, readers);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      if (awaySince === null) options.warn(`${error.message}; the job is not affected, trying on`);
      awaySince ??= performance.now();
      if (performance.now() - awaySince > PATIENCE_MS_MAX) throw error;
      lookMs = Math.min(AWAY_LOOK_MS_MAX, Math.max(AWAY_LOOK_MS_MIN, lookMs * 2));
    }
    await sleep(lookMs, undefined, { signal: options.signal });
  }
}

/** What the files hold now, without waiting for more. False when none of them is there yet. */
export async function readOnce(options: Omit<FollowOptions, 'onState'>): Promise<boolean> {
  const readers = options.streams.map((stream) => new LogReader(options, stream));
  for (const reader of readers) await reader.readOn();
  return readers.some((reader) => reader.isThere);
}

async function statusOf({ client, jobId, signal }: FollowOptions): Promise<StatusView> {
  const answer = await client.json('GET', `task/${jobId}/status`, { signal, isRepeatable: false });
  return readWholeStatus(answer);
}

/** True when something new was read. A job that waits has written nothing yet. */
async function readAll(readers: readonly LogReader[], state: ViewState): Promise<boolean> {
  if (state === 'created' || state === 'pending' || state === 'held') return false;
  const found = await Promise.all(readers.map((reader) => reader.followOn()));
  return found.includes(true);
}

async function finish(options: FollowOptions, readers: readonly LogReader[]): Promise<JobView> {
  const { client, jobId, signal, warn } = options;
  const job = readJob(await client.json('GET', `task/${jobId}`, { signal }));
  const hasWritten = job.outcome?.kind === 'exited' && job.reason === null;
  const giveUpAt = performance.now() + (hasWritten ? LATE_FILE_MS_MAX : DOUBTFUL_FILE_MS_MAX);
  let lookMs = LOOK_MS_MIN;
  for (const reader of readers) await reader.stop();
  for (;;) {
    for (const reader of readers) await reader.readOn();
    const missing = readers.filter((reader) => !reader.isThere);
    // A job that never ran has no output to wait for.
    if (missing.length === 0 || job.startedAt === null) return job;
    if (performance.now() > giveUpAt) {
      for (const { name } of missing) warn(`${name} of job ${jobId} does not show up`);
      return job;
    }
    await sleep(lookMs, undefined, { signal });
    lookMs = Math.min(LOOK_MS_MAX, lookMs * SLOWER_BY);
  }
}

class LogReader {
  readonly #options: Pick<FollowOptions, 'client' | 'jobId' | 'signal'>;
  readonly #stream: LogStream;
  #offset = 0;
  /** The file has been seen at least once. */
  isThere = false;
  /** Undefined: not asked for yet. */
  #live: LiveLog | undefined;
  /** Looks since the server told that the file begins again. */
  #looksSinceBegun = 0;

  constructor(options: Pick<FollowOptions, 'client' | 'jobId' | 'signal'>, stream: LogStream) {
    this.#options = options;
    this.#stream = stream;
  }

  get name(): StreamName {
    return this.#stream.name;
  }

  /** Reads to its end what launches from number `from` on have left under names of their own; then `to` writes anew. */
  async goOver(from: number, to: number): Promise<void> {
    await this.stop();
    this.#live = undefined;
    this.#looksSinceBegun = 0;
    for (let launch = from; launch < to; launch++) {
      await this.#read(formerOutput(this.#stream.name, launch));
      this.#offset = 0;
      this.isThere = false;
    }
  }

  /** Nothing is told any more; what is left is read by `readOn`. */
  async stop(): Promise<void> {
    await this.#live?.stop();
  }

  /** As `readOn`, but where the server tells what is written, that is waited for. */
  async followOn(): Promise<boolean> {
    if (this.#live?.isLive === true) return false;
    if (this.#live?.isBegunAgain === true && !(await this.#isBegunByUser())) return false;
    const isNews = await this.readOn();
    if (this.#live !== undefined || !this.isThere) return isNews;
    this.#live = new LiveLog({ ...this.#options, name: this.name });
    this.#live.start(this.#offset, (offset, bytes) => this.#writeTold(offset, bytes));
    return isNews;
  }

  /** Not by another launch: of that the state, asked after the file was seen to begin again, would have told. */
  async #isBegunByUser(): Promise<boolean> {
    this.#looksSinceBegun += 1;
    if (this.#looksSinceBegun < 2) return false;
    await this.stop();
    this.#live = undefined;
    this.#looksSinceBegun = 0;
    this.#offset = 0;
    return true;
  }

  async #writeTold(offset: number, bytes: Uint8Array): Promise<boolean> {
    if (offset !== this.#offset) return false;
    // Counted first: a chunk that was handed over is never handed over again.
    this.#offset += bytes.length;
    await this.#stream.write(bytes);
    return true;
  }

  /** Writes what was appended since the last call; true when that was anything. */
  readOn(): Promise<boolean> {
    return this.#read(this.#stream.name);
  }

  async #read(name: string): Promise<boolean> {
    const { client, jobId, signal } = this.#options;
    const from = this.#offset;
    const answer = await client.open('GET', fileRoute(jobId, name), {
      signal,
      accept: [206, 404, 416],
      headers: { range: `bytes=${from}-` },
    });
    if (answer.status === 404) {
      await refuseUnlessFile(answer);
      return false;
    }
    this.isThere = true;
    if (answer.status === 416) {
      await answer.body?.cancel();
      return false;
    }
    // A server, or a proxy, that does not know ranges sends the file from its start.
    await this.#copy(answer, answer.status === 206 ? 0 : from);
    return this.#offset > from;
  }

  async #copy(answer: Response, alreadyWritten: number): Promise<void> {
    let skip = alreadyWritten;
    try {
      for await (const chunk of answer.body ?? []) {
        const fresh = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - fresh.length;
        if (fresh.length === 0) continue;
        // Counted first: a chunk that was handed over is never handed over again.
        this.#offset += fresh.length;
        await this.#stream.write(fresh);
      }
    } catch (cause) {
      this.#options.signal?.throwIfAborted();
      if (cause instanceof TypeError)
        throw new Unreachable('the connection broke while reading the log', null, { cause });
      throw cause;
    }
  }
}

/** A file that is not there yet is waited for; a job that is not there is a failure. */
async function refuseUnlessFile(answer: Response): Promise<void> {
  const body = await answer.text().catch(() => '');
  if (body.includes('"job-not-found"'))
    throw new Refused(404, { code: 'job-not-found', sentence: 'no such job', field: null });
}
