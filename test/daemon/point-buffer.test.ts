import t from 'tap';
import { SILENT } from '../../src/contracts/log.js';
import { jobId, projectId, userId } from '../../src/core/units.js';
import {
  POINTS_KEPT_MAX,
  POINTS_PER_BATCH,
  POINTS_SENT_EACH_MS,
  PointBuffer,
} from '../../src/daemon/point-buffer.js';
import { EMPTY_TALLY } from '../../src/daemon/tally.js';
import { standingPoints, usagePoint } from '../../src/service/influx.js';
import { after, T0 } from '../core/samples.js';
import { FakeTime } from '../support/fake-time.js';

/** A database that a test takes away. */
function aStage() {
  const time = new FakeTime();
  const stored: number[][] = [];
  const counted = { sent: 0, dropped: 0 };
  const warned: string[] = [];
  const database = { isAway: false, hold: Promise.resolve() };
  const buffer = new PointBuffer<number>({
    timers: time,
    log: { ...SILENT, warn: (message) => void warned.push(message) },
    send: async (points) => {
      await database.hold;
      if (database.isAway) throw new Error('away');
      stored.push([...points]);
    },
    count: (what, points) => {
      counted[what] += points;
    },
  });
  return { time, stored, counted, warned, database, buffer };
}

t.test('points go out together after a while, or at once when there are many', async (t) => {
  const { time, stored, buffer } = aStage();
  for (const point of [1, 2, 3]) buffer.add(point);
  await time.pass(POINTS_SENT_EACH_MS - 1);
  t.same(stored, []);
  await time.pass(1);
  t.same(stored, [[1, 2, 3]]);
  for (let point = 0; point < POINTS_PER_BATCH; point++) buffer.add(point);
  await time.pass(1);
  t.equal(stored[1]?.length, POINTS_PER_BATCH);
});

t.test('what a database that is away did not take is sent later, in order', async (t) => {
  const { time, stored, counted, warned, database, buffer } = aStage();
  database.isAway = true;
  buffer.add(1);
  await time.pass(60_000);
  buffer.add(2);
  await time.pass(120_000);
  t.same(stored, []);
  t.same(warned, ['measurements not stored; kept for now'], 'said once');
  database.isAway = false;
  await time.pass(60_000);
  t.same(stored, [[1, 2]]);
  t.same(counted, { sent: 2, dropped: 0 });
});

t.test('what is kept has a bound; the oldest go', async (t) => {
  const { time, stored, counted, database, buffer } = aStage();
  database.isAway = true;
  for (let point = 0; point < POINTS_KEPT_MAX + 10; point++) buffer.add(point);
  t.ok(buffer.size <= POINTS_KEPT_MAX);
  t.equal(buffer.size + counted.dropped, POINTS_KEPT_MAX + 10, 'each is kept or counted');
  await time.pass(200_000);
  database.isAway = false;
  await time.pass(600_000);
  t.equal(counted.sent + counted.dropped, POINTS_KEPT_MAX + 10);
  t.equal(stored.at(-1)?.at(-1), POINTS_KEPT_MAX + 9, 'the latest is there');
});

t.test('a stop sends what is there, and does not wait for a database that hangs', async (t) => {
  const quick = aStage();
  quick.buffer.add(1);
  const stopped = quick.buffer.stop();
  await quick.time.pass(0);
  await stopped;
  t.same(quick.stored, [[1]]);
  quick.buffer.add(2);
  t.equal(quick.buffer.size, 0, 'nothing is taken any more');

  const slow = aStage();
  slow.database.hold = new Promise(() => {});
  slow.buffer.add(1);
  const ended = slow.buffer.stop();
  await slow.time.pass(1_000);
  await ended;
  t.same(slow.stored, []);
});

t.test('a launch is a point with the columns of the original', (t) => {
  const record = {
    jobId: jobId(7),
    launch: 2,
    owner: userId('anna'),
    project: projectId('dna'),
    queue: null,
    executor: 'mesos',
    host: 'n1',
    image: 'debian:12',
    asked: { cpuMilli: 1_500, memMb: 2_000, gpus: 1 },
    allocated: { cpuMs: 90_000, gpuMs: 60_000, memMbSeconds: 120_000 },
    waitedMs: 2_500,
    ranMs: 60_000,
    measured: null,
    outcome: { kind: 'exited', exitCode: 0, because: null },
    isCharged: true,
    submittedAt: T0,
    placedAt: after(2_500),
    startedAt: after(3_000),
    endedAt: after(63_000),
  } as const;
  const point = usagePoint(record);
  t.same(point.tags, {
    user: 'anna',
    project: 'dna',
    queue: 'none',
    executor: 'mesos',
    outcome: 'exited',
  });
  t.match(point.fields, {
    cpu: 1.5,
    ram: 2,
    durationtime: 60,
    waitingtime: 2.5,
    image: 'debian:12',
  });
  t.equal(point.timestamp, `${after(63_000)}000219`);
  t.same(usagePoint(record), point, 'a repetition is the same point');
  t.not(usagePoint({ ...record, jobId: jobId(8) }).timestamp, point.timestamp);
  t.end();
});

t.test('how the scheduler stands; an idle cluster divides by nothing', (t) => {
  const figures = { pending: 3, live: 0, cycleSeconds: 0.25 };
  const [scheduler, usage] = standingPoints(figures, EMPTY_TALLY, T0);
  t.same(scheduler?.fields, { nb_pending: 3, nb_running: 0, duration_scheduler: 0.25 });
  t.match(usage?.fields, { jobs: 0, cpu: 0, mean_cpu: 0, mean_ram: 0 });
  const held = { cpuMilli: 4_000, memMb: 8_000, gpus: 2 };
  const [, busy] = standingPoints({ ...figures, live: 2 }, { ...EMPTY_TALLY, held }, T0);
  t.same(busy?.fields, { jobs: 2, cpu: 4, ram: 8, gpu: 2, mean_cpu: 2, mean_ram: 4 });
  t.end();
});
