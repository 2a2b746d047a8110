// What the scheduler keeps of waiting jobs and open arrays: read in groups, because there may be a million.
import type { PendingRow } from '../../contracts/store.js';
import { failedHosts } from '../../core/job.js';
import { grantedNeeds } from '../../core/retry.js';
import { instant, jobId, projectId, userId } from '../../core/units.js';
import type { Extent } from './read-ahead.js';
import {
  instantOrNull,
  lifeIn,
  pauseOf,
  present,
  type ShapeDocument,
  UnreadableRecord,
  waitsIn,
} from './rows.js';
import type { Row } from './sqlite.js';

/**
 * Waiting jobs out of `rows` (a table with its conditions), in the form `pendingRowsOf` reads: one row for all that agree in owner,
 * project, executor and shape, its members as JSON. A hundred thousand rows one by one would cost their thread, the way to the
 * main thread and the main thread three times as much.
 */
export const pendingGroups = (rows: string): string =>
  `SELECT owner, project, executor, shape,
     json_group_array(json_array(
       id, submitted_at, not_before, is_kill_wanted, life, array_size, array_limit,
       waits, held_by, held_at, held_admin)),
     count(*), max(id)
   FROM (
     SELECT owner, project, executor, shape, id, submitted_at, not_before,
       kill_wanted_by IS NOT NULL AS is_kill_wanted,
       -- A job that was never launched has failed nowhere: most documents need not be read.
       CASE WHEN launches > 0 THEN life END AS life,
       array_size, array_limit,
       -- What was launched once waits for no other job.
       CASE WHEN launches = 0 THEN waits END AS waits, held_by, held_at, held_admin
     FROM ${rows})
   GROUP BY owner, project, executor, shape`;

/** Shapes met so far in one question, by their text. */
export type Shapes = Map<string, PendingShape>;

/** How many jobs the groups of one answer have, and the greatest id. */
export function extentOfGroups(groups: readonly Row[]): Extent {
  let count = 0;
  let lastId = 0;
  for (const group of groups) {
    count += Number(group[5]);
    lastId = Math.max(lastId, Number(group[6]));
  }
  return { count, lastId };
}

type Member = readonly [
  id: number,
  submittedAt: number,
  notBefore: number | null,
  isKillWanted: 0 | 1,
  life: string | null,
  /** Of arrays. */
  size: number | null,
  concurrencyMax: number | null,
  waits: string | null,
  ...held: readonly unknown[],
];

/**
 * Groups as rows in order of id, as the scheduler keeps them; equal shapes share one object. Unreadable ones go to `broken`
 * instead. `shapes` is the caller's memory between slices of one question.
 */
export function pendingRowsOf(
  groups: readonly Row[],
  shapes: Shapes,
  broken: (unreadable: UnreadableRecord) => void,
): PendingRow[] {
  const answers: PendingRow[] = [];
  for (const [owner, project, executor, text, members] of groups) {
    const account = {
      owner: userId(String(owner)),
      project: projectId(String(project)),
      executor: executor === null ? null : String(executor),
    };
    for (const member of JSON.parse(String(members)) as readonly Member[]) {
      const [
        id,
        submittedAt,
        notBefore,
        isKillWanted,
        lifeText,
        size,
        concurrencyMax,
        waitsText,
        ...held
      ] = member;
      try {
        const life = lifeText === null ? null : lifeIn(lifeText);
        const waits = waitsIn(waitsText, held);
        const { needs, ...shape } = shapeOf(String(text), shapes);
        answers.push({
          id: jobId(id),
          ...(size === null ? {} : { array: { size, concurrencyMax } }),
          ...account,
          submittedAt: instant(submittedAt),
          needs: life?.retried === undefined ? needs : grantedNeeds(needs, life.retried),
          ...shape,
          notBefore: instantOrNull(notBefore),
          pauseMs: pauseOf(life, notBefore),
          isKillWanted: isKillWanted === 1,
          failedOn: life === null ? NOWHERE : failedHosts(present(life.faults)),
          ...(waits === undefined ? {} : { waits }),
        });
      } catch (cause) {
        broken(new UnreadableRecord(id, { cause }));
      }
    }
  }
  return answers.sort((a, b) => a.id - b.id);
}

type PendingShape = Pick<PendingRow, 'needs' | 'constraints' | 'lifespanMs' | 'queue'>;

const NOWHERE: readonly string[] = [];

function shapeOf(text: string, shapes: Shapes): PendingShape {
  const known = shapes.get(text);
  if (known !== undefined) return known;
  const { needs, constraints, lifespanMs = null, queue } = JSON.parse(text) as ShapeDocument;
  const shape = {
    needs: present(needs),
    constraints: present(constraints),
    lifespanMs,
    ...(queue === undefined ? {} : { queue }),
  };
  shapes.set(text, shape);
  return shape;
}
