/**
 * Reads the Standard Workload Format (Feitelson, version 2.2): eighteen numbers a line, -1 for what is not known,
 * comments after a semicolon. Only jobs that ran are replayed.
 */
import { NO_NEEDS } from '../core/resources.js';
import { BadTrace, type Trace, type TraceJob, type TraceProblem, traceOf } from './trace.js';

/** The names of the format's description, in its order. */
const FIELDS = [
  'Job Number',
  'Submit Time',
  'Wait Time',
  'Run Time',
  'Number of Allocated Processors',
  'Average CPU Time Used',
  'Used Memory',
  'Requested Number of Processors',
  'Requested Time',
  'Requested Memory',
  'Status',
  'User ID',
  'Group ID',
  'Executable Number',
  'Queue Number',
  'Partition Number',
  'Preceding Job Number',
  'Think Time from Preceding Job',
] as const;

type Field = (typeof FIELDS)[number];
type Row = Readonly<Record<Field, number>>;

/** @throws BadTrace with every line that cannot be read */
export function readSwf(text: string): Trace {
  const problems: TraceProblem[] = [];
  const jobs: Omit<TraceJob, 'id'>[] = [];
  let leftOut = 0;
  for (const [at, raw] of text.split('\n').entries()) {
    const words = raw.replace(/;.*/, '').trim();
    if (words === '') continue;
    const row = rowOf(words.split(/\s+/), at + 1, problems);
    if (row === undefined) continue;
    const job = jobOf(row);
    if (job === undefined) leftOut++;
    else jobs.push(job);
  }
  if (problems.length > 0) throw new BadTrace(problems);
  return traceOf(jobs, leftOut);
}

function rowOf(words: readonly string[], line: number, problems: TraceProblem[]): Row | undefined {
  if (words.length !== FIELDS.length) {
    const because = `${words.length} fields; a line of the format has ${FIELDS.length}`;
    problems.push({ line, field: null, because });
    return undefined;
  }
  const before = problems.length;
  const row: Partial<Record<Field, number>> = {};
  for (const [n, field] of FIELDS.entries()) {
    const word = words[n] ?? '';
    const value = /^-?\d+(\.\d+)?$/.test(word) ? Number(word) : Number.NaN;
    if (Number.isNaN(value)) problems.push({ line, field, because: `"${word}" is no number` });
    else if (value < 0 && value !== -1)
      problems.push({ line, field, because: `${word} is negative, and not -1 for "not known"` });
    row[field] = value;
  }
  if (row['Submit Time'] === -1)
    problems.push({ line, field: 'Submit Time', because: 'a job cannot be replayed without it' });
  return problems.length > before ? undefined : (row as Row);
}

/** Undefined: it never ran, or nobody knows on how many processors. */
function jobOf(row: Row): Omit<TraceJob, 'id'> | undefined {
  const cpus = known(row['Requested Number of Processors'], row['Number of Allocated Processors']);
  const runSeconds = row['Run Time'];
  if (cpus === undefined || cpus === 0 || runSeconds <= 0) return undefined;
  const kbPerCpu = known(row['Requested Memory'], row['Used Memory']) ?? 0;
  const asked = row['Requested Time'];
  const lifespanMs = asked > 0 ? Math.round(asked * 1_000) : null;
  const runMs = Math.round(runSeconds * 1_000);
  return {
    user: `user${row['User ID']}`,
    project: row['Group ID'] < 0 ? 'default' : `group${row['Group ID']}`,
    submittedMs: Math.round(row['Submit Time'] * 1_000),
    // Who outlives the lifespan is ended.
    runMs: lifespanMs === null ? runMs : Math.min(runMs, lifespanMs),
    needs: {
      ...NO_NEEDS,
      cpuMilli: Math.round(cpus * 1_000),
      memMb: Math.ceil((kbPerCpu * cpus) / 1_024),
    },
    lifespanMs,
  };
}

const known = (...values: readonly number[]): number | undefined =>
  values.find((value) => value >= 0);
