// 200 streams of 200 users in one process, which come, read slowly and leave, while jobs change: each hears of its own jobs only, and
// whoever is not told to read again has missed nothing.
import t from 'tap';
import { JobFeed } from '../../src/api/job-feed.js';
import { SILENT } from '../../src/contracts/log.js';
import { HeldNotes } from '../../src/core/held-notes.js';
import type { Job } from '../../src/core/job.js';
import { type JobId, jobId, type UserId, userId } from '../../src/core/units.js';
import { OwnNews } from '../../src/store/live/own-news.js';
import { FakeTime } from '../support/fake-time.js';

/** Repeatable numbers in [0, 1): a linear congruential step. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const USERS = 200;
const JOBS = 1_000;
const TURNS = 400;
const ownerOf = (id: number): UserId => userId(`u${id % USERS}`);

/** A page: what it believes of its jobs. */
class Page {
  readonly user: UserId;
  readonly seen = new Map<JobId, number>();
  readonly faults: string[] = [];
  resyncs = 0;
  notes = 0;
  readonly #held = new HeldNotes(3);
  readonly #feed: JobFeed;
  readonly #record: ReadonlyMap<JobId, number>;
  #cursor: string | null = null;
  #leave: (() => void) | undefined;

  constructor(user: UserId, feed: JobFeed, record: ReadonlyMap<JobId, number>) {
    this.user = user;
    this.#feed = feed;
    this.#record = record;
  }

  get isThere(): boolean {
    return this.#leave !== undefined;
  }

  come(): void {
    this.#leave ??= this.#feed.follow(this.user, this.#cursor, (news) => {
      if (news.kind === 'resync') this.#held.miss(news.cursor);
      else this.#held.add(news.notes, news.cursor);
    });
  }

  /** What the server held for it is gone with the connection. */
  leave(): void {
    this.#leave?.();
    this.#leave = undefined;
    this.#held.take();
  }

  read(): void {
    const told = this.#held.take();
    if (told.kind === 'nothing') return;
    this.#cursor = told.cursor;
    if (told.kind === 'missed') {
      this.resyncs += 1;
      for (const [id, version] of this.#record)
        if (ownerOf(id) === this.user) this.seen.set(id, version);
      return;
    }
    for (const id of told.versions.keys()) {
      this.notes += 1;
      if (ownerOf(id) !== this.user) this.faults.push(`${this.user} heard of job ${id}`);
      // It reads the record, as it is now.
      this.seen.set(id, this.#record.get(id) ?? 0);
    }
  }
}

const only = process.env.SEED;
const SEEDS = only === undefined ? [1, 2, 3] : [Number(only)];

for (const seed of SEEDS)
  t.test(`200 streams, seed ${seed}`, async (t) => {
    const random = seeded(seed);
    const time = new FakeTime();
    const news = new OwnNews('e');
    const record = new Map<JobId, number>();
    let isAway = false;
    const store = {
      jobs: async (ids: readonly JobId[]) => {
        if (isAway) throw new Error('away');
        return new Map(ids.map((id) => [id, { owner: ownerOf(id) } as Job]));
      },
    };
    const feed = new JobFeed({ news, store, clock: time, timers: time, log: SILENT });
    feed.start();
    const pages = Array.from({ length: USERS }, (_, n) => new Page(userId(`u${n}`), feed, record));
    for (const page of pages) page.come();
    for (let turn = 0; turn < TURNS; turn++) {
      isAway = random() < 0.02;
      for (let n = 0; n < random() * 12; n++) {
        const id = jobId(1 + Math.floor(random() * JOBS));
        const version = (record.get(id) ?? 0) + 1;
        record.set(id, version);
        // Web servers do not tell whose job it is.
        news.publish([
          random() < 0.3
            ? { jobId: id, version: null }
            : { jobId: id, version, owner: ownerOf(id) },
        ]);
      }
      await time.pass(random() * 100);
      for (const page of pages) {
        const luck = random();
        if (luck < 0.02) page.leave();
        else if (luck < 0.1) page.come();
        if (page.isThere && random() < 0.5) page.read();
      }
    }
    isAway = false;
    for (const page of pages) page.come();
    await time.pass(1_000);
    for (const page of pages) {
      page.read();
      const missed = [...record].filter(
        ([id, version]) => ownerOf(id) === page.user && page.seen.get(id) !== version,
      );
      t.same([page.faults, missed], [[], []], `${page.user} hears of its own and misses nothing`);
    }
    const notes = pages.reduce((sum, page) => sum + page.notes, 0);
    const resyncs = pages.reduce((sum, page) => sum + page.resyncs, 0);
    t.ok(notes > 500, `${notes} notes told`);
    t.comment(`${notes} notes, ${resyncs} times all was read again`);
    feed.stop();
  });
