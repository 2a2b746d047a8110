// Reads a long list in slices, the next one while the present one is being used: thread and caller work side by side.
import type { Row } from './sqlite.js';

/** How far a slice reaches: how many records it has, and the greatest id among them. */
export interface Extent {
  readonly count: number;
  readonly lastId: number;
}

export interface LongList {
  readonly ask: (part: {
    readonly after: number;
    readonly limit: number;
  }) => Promise<readonly Row[]>;
  readonly extentOf: (rows: readonly Row[]) => Extent;
  /** Ids above this one. */
  readonly after: number;
  /** Records in all; absent: as many as there are. */
  readonly total?: number;
  /** Records of one question. */
  readonly slice: number;
}

/** Yields slices in order of id. */
export async function* readAhead(list: LongList): AsyncGenerator<readonly Row[]> {
  let left = list.total ?? Number.POSITIVE_INFINITY;
  const ask = (after: number): { limit: number; rows: Promise<readonly Row[]> } => {
    const limit = Math.min(left, list.slice);
    const rows = list.ask({ after, limit });
    // Whoever stops early hears nothing of what was asked ahead; all others meet its failure below.
    rows.catch(() => undefined);
    return { limit, rows };
  };
  for (let next = left > 0 ? ask(list.after) : undefined; next !== undefined; ) {
    const { limit, rows: asked } = next;
    const rows = await asked;
    const { count, lastId } = list.extentOf(rows);
    left -= count;
    next = count === limit && left > 0 ? ask(lastId) : undefined;
    // Questions leave at the end of a turn: this one must, before the caller computes.
    if (next !== undefined) await new Promise<void>((go) => setImmediate(go));
    yield rows;
  }
}
