/** A broken assumption of ours, never of the user's. It stops the process; reconciliation repairs. */
export class Bug extends Error {
  override readonly name = 'Bug';
}

export function assert(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new Bug(`expected: ${claim}`);
}

/** Ends every `switch` on a union: a new member fails to compile until each place has an opinion. */
export function unreachable(value: never): never {
  throw new Bug(`unhandled case: ${JSON.stringify(value)}`);
}
