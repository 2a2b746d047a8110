// What processes tell each other, whatever carries it. An implementation calls `liveContract` with a way to make processes.
import t, { type Test } from 'tap';
import { LETTER_IDS_MAX } from '../../src/contracts/limits.js';
import type { Ears, JobNote, Live, News } from '../../src/contracts/live.js';
import { type JobId, jobId } from '../../src/core/units.js';
import { sleep, waitFor } from '../support/waiting.js';

/** One installation, and processes of it. */
export interface LiveUnderTest {
  readonly one: Live;
  /** Another process; where there is only one, the same. */
  another(): Promise<Live>;
  /** Something is written to the record, as it always is before it is told. */
  commit(): Promise<unknown>;
  /** What is told is heard word by word; otherwise only that something changed. */
  readonly isExact: boolean;
}

export type MakeLive = (t: Test) => Promise<LiveUnderTest>;

/** Far more than it takes: a busy machine may take its time. */
const SOON_MS = 15_000;
const PUBLISHERS = 3;
const NOTES = 200;

export function liveContract(name: string, make: MakeLive): void {
  t.test(`live state, ${name}`, { timeout: 120_000 }, async (t) => {
    await t.test('tidings', (t) => tidingsContract(t, make));
    await t.test('news', (t) => newsContract(t, make));
  });
}

/** Writes down what it hears. */
function listening(heard: string[]): Ears {
  return {
    submitted: (ids) => heard.push(`submitted ${ids.join(' ')}`),
    killWanted: (id) => heard.push(`killWanted ${id}`),
    holdChanged: (id) => heard.push(`holdChanged ${id}`),
    agentsChanged: () => heard.push('agentsChanged'),
    wished: () => heard.push('wished'),
    bulletinChanged: () => heard.push('bulletinChanged'),
    changed: () => heard.push('changed'),
  };
}

const TIDINGS: Readonly<Record<string, (live: Live) => void>> = {
  'submitted 7 5': ({ tell }) => tell.submitted([jobId(7), jobId(5)]),
  'killWanted 8': ({ tell }) => tell.killWanted(jobId(8)),
  'holdChanged 9': ({ tell }) => tell.holdChanged(jobId(9)),
  agentsChanged: ({ tell }) => tell.agentsChanged(),
  wished: ({ tell }) => tell.wished(),
  bulletinChanged: ({ tell }) => tell.bulletinChanged(),
};

async function tidingsContract(t: Test, make: MakeLive): Promise<void> {
  await t.test('what one tells, another hears', async (t) => {
    const { one, another, commit, isExact } = await make(t);
    const other = await another();
    for (const [said, tell] of Object.entries(TIDINGS)) {
      const heard: string[] = [];
      const end = one.hear(listening(heard));
      await commit();
      tell(other);
      await waitFor(said, SOON_MS, () =>
        isExact ? heard.includes(said) : heard.includes(said) || heard.includes('changed'),
      );
      end();
    }
    t.pass('all of it');
  });

  await t.test('what a process tells, it hears itself, at once', async (t) => {
    const { one } = await make(t);
    const heard: string[] = [];
    one.hear(listening(heard));
    for (const [said, tell] of Object.entries(TIDINGS)) {
      tell(one);
      t.ok(heard.includes(said), said);
    }
  });

  await t.test('of more jobs than one message names, all hear too', async (t) => {
    const { one, another, commit } = await make(t);
    const other = await another();
    const named = new Set<JobId>();
    let changes = 0;
    one.hear({
      submitted: (ids) => {
        for (const id of ids) named.add(id);
      },
      changed: () => {
        changes += 1;
      },
    });
    await sleep(100);
    const before = changes;
    const many = Array.from({ length: 5 * LETTER_IDS_MAX }, (_, n) => jobId(n + 1));
    await commit();
    other.tell.submitted(many);
    await waitFor(
      'all are named, or a change is told',
      SOON_MS,
      () => named.size === many.length || changes > before,
    );
    t.pass('nobody relies on one message');
  });

  await t.test('who does not listen any more hears nothing', async (t) => {
    const { one, another, commit } = await make(t);
    const other = await another();
    const heard: string[] = [];
    const still: string[] = [];
    const end = one.hear(listening(heard));
    one.hear(listening(still));
    end();
    end();
    heard.length = 0;
    await commit();
    other.tell.killWanted(jobId(3));
    await waitFor('the other one hears', SOON_MS, () => still.length > 0);
    t.same(heard, []);
  });

  await t.test('after the end telling is harmless', async (t) => {
    const { one } = await make(t);
    await one.close();
    for (const tell of Object.values(TIDINGS)) tell(one);
    one.news.publish([{ jobId: jobId(1), version: 1 }]);
    t.pass('nothing is thrown');
  });
}

const note = (id: number, version: number | null = 1): JobNote => ({ jobId: jobId(id), version });

const notesOf = (news: readonly News[]): readonly JobNote[] =>
  news.flatMap((one) => (one.kind === 'notes' ? one.notes : []));

const isResynced = (news: readonly News[]): boolean => news.some(({ kind }) => kind === 'resync');

/** Follows from nowhere, and waits until that is answered. */
async function followed(live: Live, from: string | null = null) {
  const news: News[] = [];
  const end = live.news.follow(from, (one) => news.push(one));
  const cursor = (): string => news.at(-1)?.cursor ?? '';
  const answered = () => waitFor('the cursor is answered', SOON_MS, () => news.length > 0);
  return { news, end, cursor, answered };
}

async function newsContract(t: Test, make: MakeLive): Promise<void> {
  await t.test('who follows reads first, then hears what others change', async (t) => {
    const { one, another, commit, isExact } = await make(t);
    const other = await another();
    const { news, answered, end } = await followed(one);
    await answered();
    t.equal(news[0]?.kind, 'resync');
    const before = news.length;
    await commit();
    other.news.publish([note(4, 2), note(6, null)]);
    await waitFor('it is heard of', SOON_MS, () => news.length > before);
    if (isExact) t.same(notesOf(news), [note(4, 2), note(6, null)]);
    else t.ok(isResynced(news.slice(before)), 'everything is read again');
    end();
    const at = news.length;
    await commit();
    other.news.publish([note(5)]);
    await sleep(200);
    t.equal(news.length, at, 'nothing after the end');
  });

  await t.test('who was away goes on where it stood, in another process too', async (t) => {
    const { one, another, commit, isExact } = await make(t);
    const other = await another();
    const first = await followed(one);
    await first.answered();
    await commit();
    other.news.publish([note(1)]);
    await waitFor('the first is heard of', SOON_MS, () => first.news.length > 1);
    first.end();
    t.notMatch(first.cursor(), /\s/);
    await commit();
    other.news.publish([note(2)]);
    one.news.publish([note(3)]);
    await sleep(100);
    const second = await followed(other, first.cursor());
    if (isExact) {
      await waitFor('both are told', SOON_MS, () => notesOf(second.news).length === 2);
      t.same(
        notesOf(second.news)
          .map(({ jobId: id }) => id)
          .sort(),
        [2, 3],
      );
      t.notOk(isResynced(second.news), 'nothing was missed');
    } else {
      await second.answered();
      t.equal(second.news[0]?.kind, 'resync');
    }
    second.end();
  });

  await t.test('many at once arrive whole', async (t) => {
    const { one, another, commit, isExact } = await make(t);
    const other = await another();
    const { news, answered, end } = await followed(one);
    await answered();
    const many = Array.from({ length: 500 }, (_, n) => note(n + 1, n));
    await commit();
    other.news.publish(many);
    await waitFor('they are heard of', SOON_MS, () =>
      isExact ? notesOf(news).length >= many.length : news.length > 1,
    );
    if (isExact) t.same(notesOf(news), many);
    else t.ok(isResynced(news.slice(1)));
    end();
  });

  await t.test('a cursor that nobody gave out means reading again', async (t) => {
    const { one } = await make(t);
    for (const odd of ['', 'nonsense', 'a.0-0', '0123456789abcdef-x.5-5', 'ü€.1']) {
      const { news, answered, end } = await followed(one, odd);
      await answered();
      t.equal(news[0]?.kind, 'resync', odd);
      end();
    }
  });

  await t.test('with several that publish at once nothing is missed or doubled', async (t) => {
    const { one, another, commit, isExact } = await make(t);
    const processes = [one, await another(), await another()];
    const { news, answered, end } = await followed(one);
    await answered();
    const last = PUBLISHERS * NOTES;
    await Promise.all(
      processes.map(async (live, lane) => {
        for (let n = 0; n < NOTES; n++) {
          live.news.publish([note(lane * NOTES + n + 1)]);
          if (n % 20 === 0) await sleep(1);
        }
      }),
    );
    await commit();
    if (!isExact) {
      await waitFor('a change is heard of', SOON_MS, () => news.length > 1);
      t.ok(isResynced(news.slice(1)), 'everything is read again');
      end();
      return;
    }
    await waitFor('all are heard of', SOON_MS, () => notesOf(news).length >= last);
    const ids = notesOf(news).map(({ jobId: id }) => Number(id));
    t.equal(ids.length, last);
    t.equal(new Set(ids).size, last);
    for (const [lane] of processes.entries()) {
      const own = ids.filter((id) => id > lane * NOTES && id <= (lane + 1) * NOTES);
      t.same(
        own,
        [...own].sort((a, b) => a - b),
        'those of one process in their order',
      );
    }
    end();
  });
}
