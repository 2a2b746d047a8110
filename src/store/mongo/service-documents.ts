// Small documents of the service itself: one collection holds them, by name.

export interface LeaseDocument {
  readonly _id: 'lease';
  readonly epoch: number;
  readonly holder: string;
  readonly beat: number;
}

export interface CounterDocument {
  readonly _id: 'jobs';
  readonly last: number;
}

/** Raised after commits, so that other processes hear of them. */
export interface PulseDocument {
  readonly _id: 'pulse';
  readonly beats: number;
}

/** Decides what becomes of submissions of several jobs, or under limits: its one write commits them. */
export interface AdmissionsDocument {
  readonly _id: 'admissions';
  /** Raised by each commit: whoever counted before it counts again. */
  readonly version: number;
  /** Batches that are decided and perhaps not published yet. */
  readonly committed: readonly string[];
  /** Batches that may not be committed any more, with when (Unix milliseconds) that was decided. */
  readonly aborted: readonly { readonly batch: string; readonly at: number }[];
}

export interface SchemaDocument {
  readonly _id: 'schema';
  readonly product: 'godocker';
  readonly version: number;
}

/** There while an import fills the database: nobody serves it then. */
export interface ImportDocument {
  readonly _id: 'import';
  readonly tries: number;
}

/** Small documents of the service itself, by name. */
export type ServiceDocument =
  | ImportDocument
  | LeaseDocument
  | CounterDocument
  | PulseDocument
  | AdmissionsDocument
  | SchemaDocument;
