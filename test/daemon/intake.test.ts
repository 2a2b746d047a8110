// How the leader takes in jobs that it was told of, in whatever order their ids were committed.
import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import type { PendingQuery, PendingRow } from '../../src/contracts/store.js';
import { instant, type JobId, jobId, projectId, userId } from '../../src/core/units.js';
import { Intake } from '../../src/daemon/intake.js';
import { FakeTime } from '../support/fake-time.js';

const rowOf = (id: number): PendingRow => ({
  id: jobId(id),
  owner: userId('alice'),
  project: projectId('default'),
  submittedAt: instant(0),
  needs: { cpuMilli: 1_000, memMb: 100, gpus: 0, ports: 0, custom: {} },
  constraints: [],
  executor: null,
  notBefore: null,
  pauseMs: 0,
  isKillWanted: false,
  failedOn: [],
  lifespanMs: null,
});

/** A record, an intake that reads it, and what it took. */
function stage() {
  const time = new FakeTime();
  const stored = new Set<number>();
  const taken: number[] = [];
  const asked: PendingQuery[] = [];
  const pending = async (query: PendingQuery) => {
    asked.push(query);
    const { after, among } = query;
    return [...stored]
      .filter((id) => id > (after ?? 0) && (among === undefined || among.includes(jobId(id))))
      .sort((a, b) => a - b)
      .map(rowOf);
  };
  const failed = (error: unknown) => {
    throw error;
  };
  const intake = new Intake(
    { store: { pending }, clock: time, timers: time, log: SILENT, failed },
    {
      isKnown: (id: JobId) => taken.includes(id),
      add: ({ id }) => void taken.push(id),
      addArray: async () => undefined,
      killWanted: () => undefined,
    },
  );
  return { intake, stored, taken, asked };
}

t.test(
  'a job whose id was committed late is taken in by its notice, not by the next sweep',
  async (t) => {
    const { intake, stored, taken } = stage();
    await intake.readAll();
    stored.add(7);
    await intake.takeIn([jobId(7)]);
    t.same(taken, [7]);
    stored.add(5);
    await intake.takeIn();
    t.same(taken, [7], 'above the highest known there is nothing');
    await intake.takeIn([jobId(5)]);
    t.same(taken, [7, 5]);
  },
);

t.test('what came in order costs no further question', async (t) => {
  const { intake, stored, taken, asked } = stage();
  await intake.readAll();
  stored.add(1).add(2);
  asked.length = 0;
  await intake.takeIn([jobId(1), jobId(2)]);
  t.same(taken, [1, 2]);
  t.equal(asked.length, 1);
});

t.test('a notice that comes while it reads is not lost', async (t) => {
  const { intake, stored, taken } = stage();
  stored.add(9);
  await intake.readAll();
  const reading = intake.takeIn();
  stored.add(3).add(12);
  await intake.takeIn([jobId(3), jobId(12)]);
  await reading;
  t.same(
    [...taken].sort((a, b) => a - b),
    [3, 9, 12],
  );
});
