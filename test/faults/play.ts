// Plays trials of faults side by side, and closes with a table of what each came to.
import t, { type Test } from 'tap';
import { table } from './judge.js';

/** A fault's number and what it is, as `F4: a paused leader wakes up`, and what is done. */
export type Trial = readonly [name: string, trial: (t: Test) => Promise<void>];

/** Most of each is waiting for leases and timers, so they go side by side. */
const SIDE_BY_SIDE = 4;

const numberOf = ([name]: Trial): string => name.split(':')[0] ?? '';

/**
 * Plays the one that `FAULT` names, or all: the slow ones should come first, so that none is left alone at the end.
 * @param sideBySide at most so many at once
 */
export async function play(trials: readonly Trial[], sideBySide = SIDE_BY_SIDE): Promise<void> {
  t.setTimeout(590_000);
  t.jobs = sideBySide;
  const wanted = process.env.FAULT;
  const asked = trials.filter((one) => wanted === undefined || numberOf(one) === wanted);
  await Promise.all(
    asked.map(([name, trial]) => t.test(name, { buffered: true, timeout: 580_000 }, trial)),
  );
  for (const { text, isClean } of table()) t.ok(isClean, text);
}
