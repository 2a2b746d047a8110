/** What use costs: sums of launches, priced by resource and queue, by project. */
import type { Allocated } from './accounting.js';

/** For one hour of one cpu, of one GB (1000 MB) of memory, of one GPU. */
export interface Prices {
  readonly cpuHour: number;
  readonly memGbHour: number;
  readonly gpuHour: number;
}

export interface PriceList extends Prices {
  /** Printed beside amounts; nothing is converted. */
  readonly currency: string;
  /** Prices of queues that have their own. */
  readonly queues: readonly (Prices & { readonly queue: string })[];
}

/** What of a sum a bill looks at. */
export interface Billable extends Allocated {
  readonly project: string;
  readonly queue: string | null;
  readonly isCharged: boolean;
  readonly launches: number;
}

export interface BillLine {
  readonly project: string;
  /** Null: in no queue. */
  readonly queue: string | null;
  readonly launches: number;
  readonly cpuHours: number;
  readonly memGbHours: number;
  readonly gpuHours: number;
  /** In hundredths of the currency: so that sums of lines are exact. */
  readonly amountCents: number;
}

export interface Bill {
  readonly currency: string;
  /** In order of project and queue; what nobody pays for is in none. */
  readonly lines: readonly BillLine[];
  readonly totalCents: number;
}

const HOUR_MS = 3_600_000;
const HOUR_S = 3_600;
const MB_PER_GB = 1_000;

/** Each line is rounded once, so the total is the sum of what is printed. */
export function billOf(sums: Iterable<Billable>, prices: PriceList): Bill {
  const lines = new Map<string, Billable>();
  for (const sum of sums) {
    if (!sum.isCharged) continue;
    const key = JSON.stringify([sum.project, sum.queue ?? '']);
    lines.set(key, plus(lines.get(key), sum));
  }
  const priced = [...lines.values()].map((line) => lineOf(line, prices)).sort(inOrder);
  return {
    currency: prices.currency,
    lines: priced,
    totalCents: priced.reduce((total, { amountCents }) => total + amountCents, 0),
  };
}

const plus = (before: Billable | undefined, sum: Billable): Billable => ({
  project: sum.project,
  queue: sum.queue,
  isCharged: true,
  launches: (before?.launches ?? 0) + sum.launches,
  cpuMs: (before?.cpuMs ?? 0) + sum.cpuMs,
  gpuMs: (before?.gpuMs ?? 0) + sum.gpuMs,
  memMbSeconds: (before?.memMbSeconds ?? 0) + sum.memMbSeconds,
});

function lineOf(
  { project, queue, launches, cpuMs, gpuMs, memMbSeconds }: Billable,
  list: PriceList,
): BillLine {
  const prices = list.queues.find((own) => own.queue === queue) ?? list;
  const cpuHours = cpuMs / HOUR_MS;
  const gpuHours = gpuMs / HOUR_MS;
  const memGbHours = memMbSeconds / MB_PER_GB / HOUR_S;
  const amount =
    cpuHours * prices.cpuHour + gpuHours * prices.gpuHour + memGbHours * prices.memGbHour;
  const amountCents = Math.round(amount * 100);
  return { project, queue, launches, cpuHours, memGbHours, gpuHours, amountCents };
}

const inOrder = (a: BillLine, b: BillLine): number =>
  compare(a.project, b.project) || compare(a.queue ?? '', b.queue ?? '');

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
