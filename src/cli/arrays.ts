/** Job arrays as people see them, out of `requirements.array`. Needs neither Node nor a browser. */

/** Of a parent: how far its members are. Counts are null where the answer does not say. */
export interface ArrayView {
  readonly values: string;
  readonly members: number;
  readonly over: number | null;
  readonly states: {
    readonly pending: number;
    readonly running: number;
    readonly over: number;
    readonly failed: number;
  } | null;
  /** Members that may run at the same time; null: all. */
  readonly concurrency: number | null;
}

/** Of a member. */
export interface MemberView {
  readonly parent: number;
  readonly index: number;
}

type Json = Readonly<Record<string, unknown>>;
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const numberOrNull = (value: unknown): number | null => (typeof value === 'number' ? value : null);

/** Null: no parent of an array. */
export function readArrayView(array: unknown): ArrayView | null {
  if (!isJson(array) || typeof array.nb_tasks !== 'number') return null;
  return {
    values: typeof array.values === 'string' ? array.values : '',
    members: array.nb_tasks,
    over: numberOrNull(array.nb_tasks_over),
    states: readStates(array.states),
    concurrency: numberOrNull(array.concurrency),
  };
}

function readStates(states: unknown): ArrayView['states'] {
  if (!isJson(states)) return null;
  const count = (name: string) => numberOrNull(states[name]) ?? 0;
  return {
    pending: count('pending'),
    running: count('running'),
    over: count('over'),
    failed: count('failed'),
  };
}

/** Null: no member of an array. */
export function readMemberView(parent: unknown, array: unknown): MemberView | null {
  if (typeof parent !== 'number' || !isJson(array) || typeof array.task_id !== 'number')
    return null;
  return { parent, index: array.task_id };
}

/** `100 members (1:100): 60 waiting, 20 running, 20 over, 1 failed; at most 20 at a time`. */
export function arrayWords({ values, members, states, concurrency }: ArrayView): string {
  const counts =
    states === null
      ? []
      : [
          [states.pending, 'waiting'] as const,
          [states.running, 'running'] as const,
          [states.over, 'over'] as const,
          [states.failed, 'failed'] as const,
        ].flatMap(([count, word]) => (count > 0 ? [`${count} ${word}`] : []));
  const what = `${members} ${members === 1 ? 'member' : 'members'} (${values})`;
  const limit = concurrency === null ? '' : `; at most ${concurrency} at a time`;
  return `${counts.length === 0 ? what : `${what}: ${counts.join(', ')}`}${limit}`;
}
