/**
 * `fairness`: four synthetic workloads under fair share, beside plain dominant resource fairness (the floor of fairness)
 * and fifo (the floor of utilisation and of the wait of the largest job), all replayed in this run.
 */
import { drf } from '../src/core/drf.js';
import { fairshare } from '../src/core/fairshare.js';
import { ADVANCE_MS, fifo, type Policy } from '../src/core/policy.js';
import { DAY_MS } from '../src/core/usage.js';
import { figuresOf, type ReplayFigures } from '../src/whatif/figures.js';
import { type ReplayRules, replay } from '../src/whatif/replay.js';
import type { Trace } from '../src/whatif/trace.js';
import type { Figure } from './figure.js';
import { FAIRNESS_CLUSTER, fairnessTraces } from './traces.js';

/** The defaults of the configuration. */
export const RULES = {
  usage: { kind: 'half-life', halfLifeMs: 7 * DAY_MS },
  advanceMs: ADVANCE_MS,
  reservationAfterMs: 600_000,
} as const;

const MINUTE_MS = 60_000;
const LARGE = 'large-and-small';

export function fairness(): Figure[] {
  return Object.entries(fairnessTraces()).flatMap(([name, trace]) => figuresFor(name, trace));
}

function figuresFor(name: string, trace: Trace): Figure[] {
  const under = (policy: Policy, rules: Partial<ReplayRules> = {}): ReplayFigures => {
    const replayed = replay(trace, FAIRNESS_CLUSTER, { ...RULES, ...rules, policy });
    return figuresOf(replayed, FAIRNESS_CLUSTER);
  };
  const [shared, plain, first] = [under(fairshare()), under(drf), under(fifo)];
  const figures = [
    figure(`${name} jain-over-drf`, 'index', shared.fairness ?? 1, plain.fairness ?? 1),
    figure(`${name} utilisation-over-fifo`, 'of 1', shared.utilisation, first.utilisation),
  ];
  if (name !== LARGE) return figures;
  const unkept = under(fairshare(), { reservationAfterMs: null });
  const minutes = ({ largest }: ReplayFigures): number => largest.waitedMs / MINUTE_MS;
  return [
    ...figures,
    figure(`${name} large-waits-under-fifo`, 'min', minutes(shared), minutes(first)),
    figure(`${name} large-waits-without-reservation`, 'min', minutes(shared), minutes(unkept)),
  ];
}

function figure(name: string, unit: string, value: number, floor: number): Figure {
  // Of waits less is better.
  const ratio = unit === 'min' ? floor / value : value / floor;
  return {
    name: `fairness ${name}`,
    value: rounded(value),
    unit,
    floor: rounded(floor),
    ratio: rounded(ratio),
  };
}

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;
