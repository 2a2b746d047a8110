// What every store refuses of an import, in the same words.
import { ImportRefused, RECORD_KINDS, type RecordCounts } from '../../contracts/backup.js';

/** @throws ImportRefused `not-empty` */
export function refuseFilled(found: RecordCounts): void {
  // Every store has its counter.
  const there = RECORD_KINDS.filter((kind) => kind !== 'counter' && found[kind] > 0);
  if (there.length === 0) return;
  const what = there.map((kind) => `${kind}: ${found[kind]}`).join(', ');
  throw new ImportRefused(
    'not-empty',
    `the store is not empty (${what}); with --replace what it holds is dropped`,
  );
}

/** @throws ImportRefused `miscounted` */
export function refuseMiscounted(expected: RecordCounts, found: RecordCounts): void {
  for (const kind of RECORD_KINDS)
    if (found[kind] !== expected[kind])
      throw new ImportRefused(
        'miscounted',
        `${expected[kind]} records of kind ${kind} were put, the store has ${found[kind]}`,
      );
}
