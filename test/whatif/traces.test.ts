import t from 'tap';
import { readJobLines } from '../../src/whatif/job-lines.js';
import { readSwf } from '../../src/whatif/swf.js';
import { BadTrace } from '../../src/whatif/trace.js';

/** Fields of a line by their place, from 1; the others are not known. */
const line = (fields: Readonly<Record<number, number | string>>): string =>
  Array.from({ length: 18 }, (_, n) => fields[n + 1] ?? -1).join(' ');

const messageOf = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof BadTrace) return error.message;
    throw error;
  }
  return 'nothing was wrong';
};

t.test('a trace in the Standard Workload Format', async (t) => {
  const text = [
    '; Version: 2.2',
    line({ 1: 1, 2: 100, 4: 3_600, 5: 2, 8: 4, 9: 7_200, 10: 1_048_576, 12: 3, 13: 1 }),
    '',
    line({ 1: 2, 2: 40, 4: 90, 5: 2, 9: 60, 12: 5 }),
    line({ 1: 3, 2: 50, 4: 0, 5: 2, 11: 5, 12: 5 }),
  ].join('\n');
  const { jobs, leftOut } = readSwf(text);
  t.equal(leftOut, 1, 'the one that never ran');
  t.match(jobs, [
    // Ended at its lifespan; on the processors it got, as it did not say.
    { id: 1, user: 'user5', project: 'default', submittedMs: 0, runMs: 60_000 },
    { id: 2, user: 'user3', project: 'group1', submittedMs: 60_000, runMs: 3_600_000 },
  ]);
  t.match(jobs[0], { lifespanMs: 60_000, needs: { cpuMilli: 2_000, memMb: 0 } });
  t.match(jobs[1], { lifespanMs: 7_200_000, needs: { cpuMilli: 4_000, memMb: 4_096 } });
});

t.test('what is wrong in it is told by line and field', async (t) => {
  const text = [
    '; a comment',
    '1 2 3',
    line({ 2: 0, 4: 'soon', 5: -3 }),
    line({ 4: 60, 5: 1 }),
  ].join('\n');
  t.equal(
    messageOf(() => readSwf(text)),
    'line 2: 3 fields; a line of the format has 18\n' +
      'line 3, Run Time: "soon" is no number\n' +
      'line 3, Number of Allocated Processors: -3 is negative, and not -1 for "not known"\n' +
      'line 4, Submit Time: a job cannot be replayed without it',
  );
});

t.test('many mistakes are counted, not all told', async (t) => {
  const told = messageOf(() => readSwf('x\n'.repeat(50))).split('\n');
  t.equal(told.length, 21);
  t.equal(told.at(-1), '… and 30 more');
});

t.test('a trace of our own form', async (t) => {
  const text =
    '{"user":"anna","submitted":"2026-05-01T08:00:10Z","cpus":0.5,"memory_mb":100,"run_seconds":5}\n\n' +
    '{"user":"bob","project":"lab","submitted":"2026-05-01T08:00:00Z","gpus":1,"run_seconds":90,"lifespan_seconds":60}\n';
  t.match(readJobLines(text).jobs, [
    { user: 'bob', project: 'lab', submittedMs: 0, runMs: 60_000, lifespanMs: 60_000 },
    { user: 'anna', project: 'default', submittedMs: 10_000, runMs: 5_000, lifespanMs: null },
  ]);
  t.match(readJobLines(text).jobs[0]?.needs, { cpuMilli: 1_000, memMb: 0, gpus: 1 });
});

t.test('what is wrong in that is told by line and field, too', async (t) => {
  const text = [
    'hello',
    '[1]',
    '{"user":"","submitted":"yesterday","run_seconds":-1}',
    '{"user":"anna","submitted":7,"run_seconds":1,"cpu":3}',
  ].join('\n');
  const told = messageOf(() => readJobLines(text)).split('\n');
  t.match(told, [
    'line 1: it is no JSON object',
    'line 2: it is no JSON object',
    'line 3, user: "" is wrong; it must be a text',
    'line 3, submitted: "yesterday" is wrong; it must be a date',
    'line 3, run_seconds: -1 is wrong; it must be a number from 0.001',
    'line 4, cpu: no such field',
  ]);
  t.equal(told.length, 6);
});
