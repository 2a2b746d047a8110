/** What a benchmark answers: one JSON object a line of its output. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The same work without what is measured, in the same run, on the same machine. */
  readonly floor: number;
  /** `value` over `floor` for rates, `floor` over `value` for durations: 1 is as good as the floor. */
  readonly ratio: number;
}

export const rate = (name: string, value: number, floor: number): Figure => ({
  name,
  value: rounded(value),
  unit: 'jobs/s',
  floor: rounded(floor),
  ratio: rounded(value / floor),
});

export const duration = (name: string, value: number, floor: number): Figure => ({
  name,
  value: rounded(value),
  unit: 'ms',
  floor: rounded(floor),
  ratio: rounded(floor / value),
});

export const median = (figures: readonly number[]): number =>
  [...figures].sort((a, b) => a - b)[figures.length >> 1] ?? Number.NaN;

const rounded = (value: number): number => Math.round(value * 100) / 100;
