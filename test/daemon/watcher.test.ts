// Watchers on one record in memory, with a clock that is moved by hand.
import t, { type Test } from 'tap';
import { AFTERMATH_EACH_MS, WATCH_BEAT_MS, WATCH_STALE_MS } from '../../src/contracts/limits.js';
import type { Log } from '../../src/contracts/log.js';
import { SILENT } from '../../src/contracts/log.js';
import type { Watcher } from '../../src/contracts/watcher.js';
import { aftermathOf } from '../../src/core/aftermath.js';
import type { RunningJob } from '../../src/core/job.js';
import { SLOTS } from '../../src/core/slots.js';
import { instant, type JobId } from '../../src/core/units.js';
import { WatcherDaemon } from '../../src/daemon/watcher.js';
import { AT, ended, launched, leader, started, stepTo, submitted } from '../store/a-job.js';
import { FakeTime } from '../support/fake-time.js';
import {
  MemoryRecord,
  MemoryStore,
  type StoreTrouble,
  storeAway,
} from '../support/memory-store.js';

const EACH_MS = 10_000;

class Site {
  readonly time = new FakeTime();
  readonly record = new MemoryRecord();
  readonly store = new MemoryStore(this.record);
  readonly told: JobId[] = [];
  readonly warnings: { readonly message: string; readonly facts: object }[] = [];
  readonly bugs: unknown[] = [];
  readonly accounted: string[] = [];
  #watchers = 0;

  watcher(plugins: Readonly<Record<string, Watcher>> = {}, trouble: StoreTrouble = {}) {
    this.#watchers += 1;
    const log: Log = {
      ...SILENT,
      with: () => log,
      warn: (message, facts = {}) => void this.warnings.push({ message, facts }),
    };
    const daemon = new WatcherDaemon(
      {
        store: new MemoryStore(this.record, trouble),
        ...{ clock: this.time, timers: this.time, log },
        failed: (error) => void this.bugs.push(error),
        send: async () => ({ kind: 'done' }),
        secretOf: async () => 'secret',
        notices: { killWanted: (id) => void this.told.push(id) },
        accounted: ({ jobId, launch }) => void this.accounted.push(`${jobId}-${launch}`),
      },
      {
        holder: `w${this.#watchers}`,
        plugins: Object.entries(plugins).map(([name, watcher]) => ({ name, watcher })),
        eachMs: EACH_MS,
      },
    );
    daemon.start();
    return daemon;
  }

  async running(): Promise<RunningJob> {
    const epoch = (await this.store.lease())?.epoch ?? (await leader(this.store));
    const pending = await submitted(this.store);
    const job = started(launched(pending));
    await this.store.advance(epoch, [stepTo(pending, launched(pending))]);
    await this.store.advance(epoch, [stepTo(launched(pending), job)]);
    return job;
  }

  async end(job: RunningJob): Promise<void> {
    const epoch = (await this.store.lease())?.epoch ?? 0;
    const to = { ...ended(job), endedAt: instant(AT + 9_000) };
    const aftermath = aftermathOf(job, to, AT);
    await this.store.advance(epoch, [{ ...stepTo(job, to), aftermath }]);
  }
}

const slots = (...watchers: readonly WatcherDaemon[]): readonly number[] =>
  watchers.map((watcher) => watcher.status().slots);

const idle: Watcher = { whileRunning: () => ({ verdict: 'kill', because: 'it does nothing' }) };

t.test('slots', async (t) => {
  await t.test('are divided, and given back at a clean stop', async (t) => {
    const site = new Site();
    const first = site.watcher();
    await site.time.pass(0);
    t.strictSame(slots(first), [SLOTS]);
    const [second, third] = [site.watcher(), site.watcher()];
    await site.time.pass(3 * WATCH_BEAT_MS);
    t.strictSame(slots(first, second, third), [22, 21, 21]);
    await second.stop();
    await site.time.pass(WATCH_BEAT_MS);
    t.strictSame(slots(first, third), [32, 32]);
    t.strictSame(site.bugs, []);
  });

  await t.test('of one that was killed are taken over within ten seconds', async (t) => {
    const site = new Site();
    let isDead = false;
    const before = () => {
      if (isDead) throw storeAway();
    };
    const [first, dead] = [site.watcher(), site.watcher({}, { before })];
    await site.time.pass(3 * WATCH_BEAT_MS);
    t.strictSame(slots(first, dead), [32, 32]);
    isDead = true;
    await site.time.pass(WATCH_STALE_MS - WATCH_BEAT_MS);
    t.strictSame(slots(first), [32], 'not at once');
    t.strictSame(slots(dead), [0], 'who cannot renew acts for none, before anybody takes them');
    await site.time.pass(10_000 - WATCH_STALE_MS + WATCH_BEAT_MS);
    t.strictSame(slots(first), [SLOTS]);
    isDead = false;
    await site.time.pass(4 * WATCH_BEAT_MS);
    t.strictSame(slots(first, dead), [32, 32], 'it is welcome again');
  });

  await t.test(
    'that were lost while asleep are known to be so before anything is done',
    async (t) => {
      const site = new Site();
      const sleeper = site.watcher();
      await site.time.pass(0);
      site.time.sleep(60_000);
      t.strictSame(slots(sleeper), [0]);
    },
  );
});

t.test('watcher plugins', async (t) => {
  await t.test('a verdict becomes a wanted kill, once, with its reason', async (t) => {
    const site = new Site();
    const job = await site.running();
    const daemon = site.watcher({ idle });
    await site.time.pass(3 * EACH_MS);
    t.match((await site.store.job(job.id))?.killWanted, {
      by: 'watcher:idle',
      because: { code: 'watcher', facts: { watcher: 'idle', because: 'it does nothing' } },
    });
    t.strictSame(site.told, [job.id], 'a leader of this process hears of it');
    t.equal(daemon.status().kills, 1);
  });

  await t.test('records are read again only when they have changed', async (t) => {
    const site = new Site();
    const reads: string[] = [];
    const [first, second] = [await site.running(), await site.running()];
    const keep: Watcher = { whileRunning: () => ({ verdict: 'keep' }) };
    site.watcher({ keep }, { before: (method) => void reads.push(method) });
    await site.time.pass(EACH_MS + 100);
    const jobs = () => reads.filter((method) => method === 'jobs').length;
    const before = jobs();
    await site.time.pass(5 * EACH_MS);
    t.equal(jobs(), before, 'nothing has changed');
    await site.store.wantKill(first.id, second.owner, AT);
    await site.time.pass(EACH_MS);
    t.equal(jobs(), before + 1);
  });

  await t.test('those that throw, hang or talk nonsense are named, and harm nobody', async (t) => {
    const site = new Site();
    const jobs = [await site.running(), await site.running()];
    let hung = 0;
    site.watcher({
      throws: {
        whileRunning: () => {
          throw new Error('broken');
        },
      },
      rejects: { whileRunning: () => Promise.reject(new Error('refused')) },
      hangs: {
        whileRunning: () => {
          hung += 1;
          return new Promise(() => {});
        },
      },
      nonsense: { whileRunning: () => 'kill' as never },
      silent: { whileRunning: () => ({ verdict: 'kill' }) as never },
    });
    await site.time.pass(6 * EACH_MS);
    const named = new Set(
      site.warnings.map(({ facts }) => (facts as { watcher?: string }).watcher),
    );
    t.strictSame([...named].sort(), ['hangs', 'nonsense', 'rejects', 'silent', 'throws']);
    t.equal(hung, jobs.length, 'nobody is asked twice about a job before it has answered');
    for (const { id } of jobs) t.equal((await site.store.job(id))?.killWanted, null);
    t.strictSame(site.bugs, []);
  });

  await t.test('a hanging one does not keep another from its verdict', async (t) => {
    const site = new Site();
    const job = await site.running();
    site.watcher({ hangs: { whileRunning: () => new Promise(() => {}) }, idle });
    await site.time.pass(2 * EACH_MS);
    t.not((await site.store.job(job.id))?.killWanted, null);
  });

  await t.test('a verdict that comes after the slot was lost is left to others', async (t) => {
    const site = new Site();
    const job = await site.running();
    const late: Watcher = {
      whileRunning: async () => {
        site.time.sleep(60_000);
        return { verdict: 'kill', because: 'it woke up' };
      },
    };
    site.watcher({ late });
    await site.time.pass(EACH_MS);
    t.equal((await site.store.job(job.id))?.killWanted, null);
  });
});

t.test('work after the end', async (t) => {
  await t.test('gives each launch its record, once, however many watchers there are', async (t) => {
    const site = new Site();
    for (let at = 0; at < 3; at++) site.watcher();
    await site.time.pass(3 * WATCH_BEAT_MS);
    const jobs: RunningJob[] = [];
    for (let at = 0; at < 30; at++) jobs.push(await site.running());
    for (const job of jobs) await site.end(job);
    await site.time.pass(2 * AFTERMATH_EACH_MS);
    for (const { id } of jobs) t.equal((await site.store.accountOf(id)).length, 1);
    t.equal(site.accounted.length, 30);
    t.equal(site.record.aftermath.size, 0, 'nothing is left');
  });

  await t.test('is repeated without harm after a crash in the middle', async (t) => {
    const site = new Site();
    const job = await site.running();
    await site.end(job);
    let isDead = false;
    site.watcher(
      {},
      {
        after: (method) => {
          if (method === 'account') isDead = true;
        },
        before: () => {
          if (isDead) throw storeAway();
        },
      },
    );
    await site.time.pass(2 * AFTERMATH_EACH_MS);
    t.equal(site.record.aftermath.size, 1, 'it has not said that it is done');
    site.watcher();
    await site.time.pass(10_000 + WATCH_BEAT_MS);
    t.equal((await site.store.accountOf(job.id)).length, 1);
    t.equal(site.record.aftermath.size, 0);
  });

  await t.test(
    'of a job that cannot be read waits ever longer, and holds up no other',
    async (t) => {
      const site = new Site();
      const [broken, sound] = [await site.running(), await site.running()];
      await site.end(broken);
      await site.end(sound);
      site.record.damaged.add(broken.id);
      site.watcher();
      await site.time.pass(60_000);
      t.equal((await site.store.accountOf(sound.id)).length, 1);
      t.ok(site.warnings.length >= 3 && site.warnings.length <= 5, `${site.warnings.length} tries`);
      site.record.damaged.delete(broken.id);
      await site.time.pass(120_000);
      t.equal((await site.store.accountOf(broken.id)).length, 1);
    },
  );

  await t.test('waits for a store that is away', (t) => waitsForStore(t));
});

async function waitsForStore(t: Test): Promise<void> {
  const site = new Site();
  const job = await site.running();
  await site.end(job);
  let isAway = true;
  const before = () => {
    if (isAway) throw storeAway();
  };
  site.watcher({ idle }, { before });
  await site.time.pass(30_000);
  t.equal((await site.store.accountOf(job.id)).length, 0);
  t.ok(site.warnings.length <= 3, 'said once, not at each try');
  isAway = false;
  await site.time.pass(10_000);
  t.equal((await site.store.accountOf(job.id)).length, 1);
  t.strictSame(site.bugs, []);
}
