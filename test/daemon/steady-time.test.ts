/** Pauses before a next launch, while the wall clock does as it likes. */
import t from 'tap';
import type { ReasonCode } from '../../src/core/job.js';
import { instant, jobId, taskIdOf } from '../../src/core/units.js';
import { SteadyTime } from '../../src/daemon/steady-time.js';
import { after, aPending } from '../core/samples.js';

const HOUR_MS = 3_600_000;

/** A term that began at second 0 of both clocks; the wall clock is off by `jumpMs` by now. */
function steadyAfter(jumpMs: number): SteadyTime {
  let offMs = 0;
  const steady = new SteadyTime({ now: () => after(offMs), monotonicMs: () => 0 });
  offMs = jumpMs;
  return steady;
}

/** A job that waits again, as its step was written at `jumpMs` of the wall clock. */
const waiting = (pauseMs: number, jumpMs: number, code: ReasonCode = 'agent-lost') =>
  aPending({
    notBefore: after(jumpMs + pauseMs),
    pauseMs,
    faults: [
      {
        taskId: taskIdOf(jobId(7), 1),
        host: 'node1',
        because: { code, facts: {} },
        at: after(jumpMs),
      },
    ],
  });

t.test('a pause just written is as long as it was meant', async (t) => {
  for (const jumpMs of [0, HOUR_MS, -HOUR_MS]) {
    const steady = steadyAfter(jumpMs);
    t.equal(steady.fromStep(waiting(30_000, jumpMs)), after(30_000));
    t.equal(
      steady.fromStep(waiting(320_000, jumpMs, 'registry-trouble')),
      after(320_000),
      'pauses before a registry is asked again are longer',
    );
  }
  t.equal(steadyAfter(0).fromStep(aPending()), null);
});

t.test(
  'a clock that is set back while a pause is written makes it no longer than it was meant',
  async (t) => {
    const steady = steadyAfter(-HOUR_MS);
    t.equal(steady.fromStep(waiting(30_000, 0)), after(30_000));
    t.equal(steady.fromStep(waiting(20_000, 0, 'registry-trouble')), after(20_000));
  },
);

t.test('a pause out of the record', async (t) => {
  const at = (notBeforeMs: number, pauseMs: number) =>
    steadyAfter(0).fromRecord({ notBefore: instant(after(notBeforeMs)), pauseMs });
  t.equal(at(-HOUR_MS, 30_000), after(30_000), 'old processes get their whole grace');
  t.equal(at(10_000, 30_000), after(30_000));
  t.equal(at(-HOUR_MS, 5_000), after(5_000), 'no pause gets longer than it was');
  t.equal(at(320_000, 600_000), after(320_000), 'of a longer one the clock tells what is left');
  t.equal(at(2 * HOUR_MS, HOUR_MS), after(HOUR_MS), 'whatever the clock says');
  t.equal(steadyAfter(0).fromRecord(aPending()), null);
});
