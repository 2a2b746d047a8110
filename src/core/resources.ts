/**
 * What jobs need and agents have, in whole numbers: milli-cpus, megabytes as Mesos counts them, whole GPUs.
 * Mesos itself keeps three decimals, so nothing is lost and sums never drift.
 */

/** Both ends are included, as in Mesos. */
export interface PortRange {
  readonly begin: number;
  readonly end: number;
}

/** What one launch of a job takes from an agent. */
export interface Needs {
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
  /** How many ports out of the offered ranges. */
  readonly ports: number;
  /** Units of site-defined resources, from labels `resource==NAME`, by name. */
  readonly custom: Readonly<Record<string, number>>;
}

/** What an offer holds, or an agent in total. */
export interface Capacity {
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
  readonly ports: readonly PortRange[];
  /** Custom scalar resources and the sizes of custom ranges, by name. */
  readonly custom: Readonly<Record<string, number>>;
}

export const NOTHING: Capacity = { cpuMilli: 0, memMb: 0, gpus: 0, ports: [], custom: {} };

export const NO_NEEDS: Needs = { cpuMilli: 0, memMb: 0, gpus: 0, ports: 0, custom: {} };

/** How many ports the ranges hold. Ranges do not overlap: `mergedRanges` sees to it. */
export function portCount(ranges: readonly PortRange[]): number {
  let count = 0;
  for (const { begin, end } of ranges) count += end - begin + 1;
  return count;
}

/** The same ports as disjoint ranges in ascending order, whatever the order of the input. */
export function mergedRanges(ranges: readonly PortRange[]): PortRange[] {
  const sorted = ranges
    .filter(({ begin, end }) => begin <= end)
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  const merged: PortRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && range.begin <= last.end + 1)
      merged[merged.length - 1] = { begin: last.begin, end: Math.max(last.end, range.end) };
    else merged.push(range);
  }
  return merged;
}

/** The lowest `count` ports out of disjoint ascending ranges, and what is left; undefined when there are too few. */
export function takePorts(
  ranges: readonly PortRange[],
  count: number,
): { readonly taken: readonly number[]; readonly rest: readonly PortRange[] } | undefined {
  const taken: number[] = [];
  const rest: PortRange[] = [];
  for (const { begin, end } of ranges) {
    let port = begin;
    while (port <= end && taken.length < count) taken.push(port++);
    if (port <= end) rest.push({ begin: port, end });
  }
  return taken.length === count ? { taken, rest } : undefined;
}

/** Whether one launch with these needs finds room. */
export function fits(needs: Needs, free: Capacity): boolean {
  if (needs.cpuMilli > free.cpuMilli || needs.memMb > free.memMb || needs.gpus > free.gpus)
    return false;
  if (needs.ports > portCount(free.ports)) return false;
  return Object.entries(needs.custom).every(([name, units]) => units <= unitsOf(free.custom, name));
}

/** How many units of a custom resource there are. Names come from users: `toString` is none, unless somebody has it. */
export const unitsOf = (custom: Capacity['custom'], name: string): number =>
  Object.hasOwn(custom, name) ? (custom[name] ?? 0) : 0;

/** Both together, as for two offers of one agent and role. */
export function plus(a: Capacity, b: Capacity): Capacity {
  return {
    cpuMilli: a.cpuMilli + b.cpuMilli,
    memMb: a.memMb + b.memMb,
    gpus: a.gpus + b.gpus,
    ports: mergedRanges([...a.ports, ...b.ports]),
    custom: sums(a.custom, b.custom, 1),
  };
}

/** What a launch leaves over, and the ports it got; undefined when it does not fit. */
export function minus(
  free: Capacity,
  needs: Needs,
): { readonly left: Capacity; readonly ports: readonly number[] } | undefined {
  if (!fits(needs, free)) return undefined;
  const ports = takePorts(free.ports, needs.ports);
  if (ports === undefined) return undefined;
  const left = {
    cpuMilli: free.cpuMilli - needs.cpuMilli,
    memMb: free.memMb - needs.memMb,
    gpus: free.gpus - needs.gpus,
    ports: ports.rest,
    custom: sums(free.custom, needs.custom, -1),
  };
  return { left, ports: ports.taken };
}

function sums(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
  sign: 1 | -1,
): Record<string, number> {
  const total = new Map(Object.entries(a));
  for (const [name, units] of Object.entries(b))
    total.set(name, (total.get(name) ?? 0) + sign * units);
  return Object.fromEntries(total);
}
