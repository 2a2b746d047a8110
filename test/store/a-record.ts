// A record with something of everything, for suites about backups.
import type { Store } from '../../src/contracts/store.js';
import { accountingRecord } from '../../src/core/accounting.js';
import { aftermathOf } from '../../src/core/aftermath.js';
import { parseArray } from '../../src/core/array.js';
import type { LiveJob } from '../../src/core/job.js';
import { instant, type JobId, jobId, projectId } from '../../src/core/units.js';
import {
  ALICE,
  AT,
  aNewJob,
  aProject,
  aSpec,
  aUser,
  BOB,
  DNA,
  ended,
  givenUp,
  launched,
  leader,
  pendingJob,
  started,
  stepTo,
} from './a-job.js';

/** A day later than `AT`, so that use has two days. */
const NEXT_DAY = instant(AT + 86_400_000);

/** Jobs in every state, members with and without records, holds, kills, sizes, use, resets, accounts, odd texts. */
export async function fillRecord(store: Store): Promise<void> {
  await store.putUser(aUser({ quotas: { time: 7, cpu: 0, ram: 0 }, prio: 80 }));
  await store.putUser(aUser({ id: BOB, passwordHash: '$argon2id$…', isAdmin: true }));
  await store.putProject(aProject({ members: [ALICE, BOB] }));
  await store.putSetting('installation', 'here');
  await store.putSetting('odd', 'a\u0000b "é\u{1f600}\n');
  const epoch = await leader(store);
  const array = parseArray('1:5:1');
  if (array.kind === 'wrong') throw new Error(array.because);
  const answers = await store.submit([
    aNewJob({ idempotencyKey: 'mine/1' }),
    aNewJob({ script: '#!/bin/sh\nprintf "\u0000"\n', project: DNA }),
    aNewJob({ owner: BOB, spec: aSpec({ name: 'später', tags: ['x', 'y'] }) }),
    aNewJob({ heldBack: { by: BOB, isAdmin: true, at: AT } }),
    aNewJob({
      spec: aSpec({ beginAt: NEXT_DAY, asked: { 10: 1, '2': 'ü', $set: { 'a.b': null } } }),
    }),
    aNewJob(),
    aNewJob({ spec: aSpec({ array: array.spec, tags: ['x'] }) }),
    aNewJob({ project: projectId('default') }),
  ]);
  const ids = answers.map(({ id }) => id) as [JobId, ...JobId[]];
  const [over, killing, running, , , launching, parent, refused] = ids;
  const run = async (id: JobId | undefined): Promise<LiveJob> => {
    const waiting = await pendingJob(store, id ?? jobId(0));
    const intent = launched(waiting);
    await store.advance(epoch, [stepTo(waiting, intent)]);
    return intent;
  };
  const start = async (id: JobId | undefined) => {
    const intent = await run(id);
    if (intent.state !== 'launching') throw new Error('it was launched');
    const live = started(intent);
    await store.advance(epoch, [stepTo(intent, live)]);
    return live;
  };
  const done = await start(over);
  const finished = { ...ended(done, 3), endedAt: instant(NEXT_DAY + 12_345) };
  const aftermath = aftermathOf(done, finished, NEXT_DAY);
  await store.advance(epoch, [{ ...stepTo(done, finished), aftermath }]);
  const kept = aftermath.flatMap((piece) =>
    piece.kind === 'account' ? [accountingRecord(done, piece.end)] : [],
  );
  await store.account(kept.flatMap((one) => [one, { ...one, launch: 2, isCharged: false }]));
  await store.putDisk([{ id: done.id, bytes: 4_096, isOver: true, measuredAt: NEXT_DAY }]);
  const busy = await start(killing);
  const because = { code: 'watcher', facts: { watcher: 'idle', because: 'é "' } } as const;
  await store.wantKillOf({ id: busy.id, launch: 1 }, { by: ALICE, at: AT, because });
  await start(running);
  await store.putDisk([{ id: running ?? jobId(0), bytes: 77, isOver: false, measuredAt: AT }]);
  await run(launching);
  const member = await start(jobId(Number(parent) + 2));
  await store.advance(epoch, [stepTo(member, { ...ended(member), endedAt: NEXT_DAY })]);
  await store.wantKill(jobId(Number(parent) + 3), ALICE, AT);
  const no = await pendingJob(store, refused ?? jobId(0));
  await store.advance(epoch, [stepTo(no, givenUp(no))]);
  await store.resetQuota({ user: ALICE }, NEXT_DAY);
  await store.resetQuota({ project: DNA }, NEXT_DAY);
}
