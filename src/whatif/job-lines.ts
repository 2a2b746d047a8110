/**
 * Reads workloads of our own form: one JSON object a line, as
 * `{"user":"anna","project":"lab","submitted":"2026-05-01T08:00:00Z","cpus":2,"memory_mb":4000,"gpus":0,"run_seconds":600,"lifespan_seconds":3600}`.
 */
import { isRaw, type Raw } from '../contracts/reader.js';
import { NO_NEEDS } from '../core/resources.js';
import { BadTrace, type Trace, type TraceJob, type TraceProblem, traceOf } from './trace.js';

/** Reads the fields of one line; what is wrong is gathered. */
class LineReader {
  readonly #raw: Raw;
  readonly #line: number;
  readonly #problems: TraceProblem[];
  readonly #read = new Set<string>();

  constructor(raw: Raw, line: number, problems: TraceProblem[]) {
    this.#raw = raw;
    this.#line = line;
    this.#problems = problems;
  }

  text(field: string, fallback?: string): string {
    const value = this.#get(field) ?? fallback;
    if (typeof value === 'string' && value !== '') return value;
    return this.#bad(field, value, 'a text', '');
  }

  number(field: string, min: number, fallback?: number): number {
    const value = this.#get(field) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value >= min) return value;
    return this.#bad(field, value, `a number from ${min}`, min);
  }

  /** Milliseconds: of a date, or of seconds since whenever. */
  instant(field: string): number {
    const value = this.#get(field);
    if (typeof value === 'number' && Number.isFinite(value)) return Math.round(value * 1_000);
    const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    return Number.isNaN(ms) ? this.#bad(field, value, 'a date, or a number of seconds', 0) : ms;
  }

  refuseUnread(): void {
    for (const field of Object.keys(this.#raw))
      if (!this.#read.has(field)) this.#tell(field, 'no such field');
  }

  #get(field: string): unknown {
    this.#read.add(field);
    return Object.hasOwn(this.#raw, field) ? this.#raw[field] : undefined;
  }

  #bad<T>(field: string, value: unknown, wanted: string, instead: T): T {
    const found = value === undefined ? 'is missing' : `${JSON.stringify(value)} is wrong`;
    this.#tell(field, `${found}; it must be ${wanted}`);
    return instead;
  }

  #tell(field: string, because: string): void {
    this.#problems.push({ line: this.#line, field, because });
  }
}

/** @throws BadTrace with everything that is wrong */
export function readJobLines(text: string): Trace {
  const problems: TraceProblem[] = [];
  const jobs: Omit<TraceJob, 'id'>[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const raw = parsed(line);
    if (raw === undefined)
      problems.push({ line: at + 1, field: null, because: 'it is no JSON object' });
    else jobs.push(jobOf(new LineReader(raw, at + 1, problems)));
  }
  if (problems.length > 0) throw new BadTrace(problems);
  return traceOf(jobs, 0);
}

function parsed(line: string): Raw | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRaw(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function jobOf(line: LineReader): Omit<TraceJob, 'id'> {
  const lifespan = line.number('lifespan_seconds', 0, 0);
  const job = {
    user: line.text('user'),
    project: line.text('project', 'default'),
    submittedMs: line.instant('submitted'),
    runMs: Math.round(line.number('run_seconds', 0.001) * 1_000),
    needs: {
      ...NO_NEEDS,
      cpuMilli: Math.round(line.number('cpus', 0.001, 1) * 1_000),
      memMb: Math.round(line.number('memory_mb', 0, 0)),
      gpus: Math.round(line.number('gpus', 0, 0)),
    },
    lifespanMs: lifespan === 0 ? null : Math.round(lifespan * 1_000),
  };
  line.refuseUnread();
  const { runMs, lifespanMs } = job;
  return { ...job, runMs: lifespanMs === null ? runMs : Math.min(runMs, lifespanMs) };
}
