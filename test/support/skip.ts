// A test whose real part is missing is skipped aloud: by name, with the reason, counted at the end of the run.
import type { Test } from 'tap';

/** Ends a test that has not asserted anything yet. Return from the test right after. */
export function skipAloud(t: Test, what: string, why: string): void {
  t.plan(0, `${what}: ${why}`);
}
