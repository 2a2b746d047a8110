// Members of arrays: those with records of their own, and those that are made up from their array.
import type { MadeCount, MadeMember, StepAnswer } from '../../contracts/store.js';
import { arraySize, holdsMember } from '../../core/array.js';
import { unmadeMember } from '../../core/array-life.js';
import type { Job, JobState } from '../../core/job.js';
import { type JobId, jobId } from '../../core/units.js';
import type { Reads, StepResult } from './requests.js';
import type { Row } from './sqlite.js';

/** Rows of one question to the reading thread, so that others need not wait for an array of a million. */
const MADE_SLICE = 20_000;

/** Those of the ids that are members of one of the arrays, each with it. */
export function membersAmong(
  ids: readonly JobId[],
  arrays: readonly Job[],
): readonly (readonly [JobId, Job])[] {
  return ids.flatMap((id) => {
    const array = arrays.find(
      (one) =>
        one.spec.array !== undefined &&
        holdsMember({ id: one.id, size: arraySize(one.spec.array) }, id),
    );
    return array === undefined ? [] : [[id, array] as const];
  });
}

/** Reads the members of an array that have records, a slice at a time. */
export async function madeIn(
  array: JobId,
  after: number,
  limit: number,
  ask: (question: Reads['made']['ask']) => Promise<readonly Row[]>,
): Promise<readonly MadeMember[]> {
  const found: MadeMember[] = [];
  for (let last = after; found.length < limit; last = found.at(-1)?.id ?? last) {
    const slice = Math.min(MADE_SLICE, limit - found.length);
    const rows = await ask({ array, after: last, limit: slice });
    for (const [id, state, code] of rows)
      found.push({ id: jobId(Number(id)), state: state as JobState, exitCode: codeIn(code) });
    if (rows.length < slice) break;
  }
  return found;
}

/** The answer to a step; refused for a member that has no record, it is made up from its array. */
export function stepAnswerOf(
  result: StepResult,
  id: JobId,
  read: (rows: readonly Row[]) => readonly Job[],
): StepAnswer {
  if (result.kind === 'stored') return result;
  const { record, array } = result;
  const row = record ?? array;
  const job = row === undefined ? undefined : read([row])[0];
  const isUnmade = job !== undefined && record === undefined;
  return { kind: 'refused', job: isUnmade ? unmadeMember(job, id) : job };
}

export function madeCountsOf(rows: readonly Row[]): ReadonlyMap<JobId, readonly MadeCount[]> {
  const found = new Map<JobId, MadeCount[]>();
  for (const [array, state, code, members] of rows) {
    const id = jobId(Number(array));
    const counts = found.get(id) ?? [];
    counts.push({
      state: state as JobState,
      exitCode: codeIn(code),
      members: Number(members),
    });
    found.set(id, counts);
  }
  return found;
}

const codeIn = (code: unknown): number | null => (code === null ? null : Number(code));
