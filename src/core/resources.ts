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
