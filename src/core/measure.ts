/** One number for use of several resources, so that users of cpus, memory and GPUs can be compared. */
import type { Capacity, Needs } from './resources.js';

/** Milli-cpus, megabytes and GPUs, or these times milliseconds. */
export interface Bundle {
  readonly cpuMilli: number;
  readonly memMb: number;
  readonly gpus: number;
}

export interface ResourceWeights {
  /** Of one cpu. */
  readonly cpu: number;
  /** Of one GB. */
  readonly memory: number;
  /** Of one GPU. */
  readonly gpu: number;
}

/** A GB weighs as the share of a cpu that usually comes with it, a GPU as the cpus that stand beside one. */
export const RESOURCE_WEIGHTS: ResourceWeights = { cpu: 1, memory: 0.25, gpu: 8 };

export type Measure =
  /** The largest of the shares of the cluster's cpus, memory and GPUs (Ghodsi et al., NSDI 2011). */
  | { readonly kind: 'dominant' }
  /** A weighted sum, in cpus. */
  | { readonly kind: 'weights'; readonly weights: ResourceWeights };

export type Measured = (amounts: Bundle) => number;

/** Of an unknown cluster: what the weights take to be equal, so that the same resource dominates as would by these. */
const USUAL: Bundle = { cpuMilli: 1_000, memMb: 4_000, gpus: 0.125 };

/** A measure as a function; a resource that the cluster does not have counts for nothing. */
export function measured(measure: Measure, capacity: Capacity | null | undefined): Measured {
  if (measure.kind === 'weights') {
    const { cpu, memory, gpu } = measure.weights;
    return ({ cpuMilli, memMb, gpus }) =>
      (cpuMilli / 1_000) * cpu + (memMb / 1_000) * memory + gpus * gpu;
  }
  const whole: Bundle = capacity ?? USUAL;
  const share = (amount: number, of: number): number => (of > 0 ? amount / of : 0);
  return ({ cpuMilli, memMb, gpus }) =>
    Math.max(share(cpuMilli, whole.cpuMilli), share(memMb, whole.memMb), share(gpus, whole.gpus));
}

/** A need that runs for so long, as use. */
export const over = ({ cpuMilli, memMb, gpus }: Needs, ms: number): Bundle => ({
  cpuMilli: cpuMilli * ms,
  memMb: memMb * ms,
  gpus: gpus * ms,
});
