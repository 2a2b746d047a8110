/** Whole numbers from 0, below the one that is asked for; every run draws the same. */
export type Pick = (below: number) => number;

/** A linear congruential step: weak, but short and the same everywhere. */
export function numbers(seed: number): Pick {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
