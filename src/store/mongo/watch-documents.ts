// What the collections of watchers and accounting hold.

/** One launch that ended; `_id` joins job and launch. */
export interface AccountingDocument {
  readonly _id: string;
  readonly job: number;
  readonly launch: number;
  readonly day: number;
  readonly project: string;
  readonly owner: string;
  /** Empty: none. */
  readonly queue: string;
  readonly executor: string;
  readonly isCharged: boolean;
  readonly ranMs: number;
  readonly waitedMs: number;
  readonly cpuMs: number;
  readonly gpuMs: number;
  readonly memMbSeconds: number;
  /** All of it, as JSON. */
  readonly record: string;
}

/** As the leader's lease; `_id` is its name. */
export interface NamedLeaseDocument {
  readonly _id: string;
  readonly epoch: number;
  readonly holder: string;
  readonly beat: number;
}
