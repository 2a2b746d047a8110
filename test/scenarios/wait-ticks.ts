// Words for scenarios in which jobs wait for others, for a date, for their release.
import type { DependencyType, HeldBack } from '../../src/core/dependency.js';
import { instant, userId } from '../../src/core/units.js';
import { expectState, report, submit, submitArray, type Tick } from './ticks.js';

interface After {
  readonly isAnyEnough?: boolean;
  readonly isSingleton?: boolean;
  /** Members, where it is an array. */
  readonly values?: string;
  readonly isNoticed?: boolean;
}

/** A job that depends on others: `[['afterok', 'a'], ['afterany', 'b']]`. */
export const submitAfter =
  (
    name: string,
    on: readonly (readonly [DependencyType, string])[],
    { isAnyEnough = false, isSingleton = false, values, isNoticed = true }: After = {},
  ): Tick =>
  (stage, t) => {
    const targets = on.map(([type, job]) => ({ type, job: stage.id(job) }));
    const dependencies = { on: targets, isAnyEnough, isSingleton };
    const submission = { isNoticed, spec: { dependencies } };
    const tick =
      values === undefined ? submit(name, submission) : submitArray(name, values, submission);
    return tick(stage, t);
  };

/** One at a time among all that are called `line`. */
export const submitInLine =
  (name: string, line: string, { isSingleton = true } = {}): Tick =>
  (stage, t) => {
    const dependencies = { on: [], isAnyEnough: false, isSingleton };
    const spec = { name: line, ...(isSingleton ? { dependencies } : {}) };
    return submit(name, { spec })(stage, t);
  };

/** A job that does not start for so long. */
export const submitLater =
  (name: string, ms: number): Tick =>
  (stage, t) =>
    submit(name, { spec: { beginAt: instant(stage.time.now() + ms) } })(stage, t);

export const hold =
  (name: string, { isAdmin = false, isNoticed = true } = {}): Tick =>
  async (stage, t) => {
    const held: HeldBack = {
      by: userId(isAdmin ? 'root' : 'alice'),
      isAdmin,
      at: stage.time.now(),
    };
    t.equal(await stage.web.holdBack(stage.id(name), held), 'held', `${name} is held`);
    if (isNoticed) stage.daemon?.notices.holdChanged(stage.id(name));
  };

export const release =
  (name: string, { isNoticed = true } = {}): Tick =>
  async (stage, t) => {
    t.equal(await stage.web.release(stage.id(name), { isAdmin: true }), 'released');
    if (isNoticed) stage.daemon?.notices.holdChanged(stage.id(name));
  };

/** From its launch to its end. */
export const runs = (name: string, exitCode = 0): readonly Tick[] => [
  report(name, 'running'),
  exitCode === 0
    ? report(name, 'finished')
    : report(name, 'failed', { message: `Command exited with status ${exitCode}` }),
  expectState(name, 'over'),
];
