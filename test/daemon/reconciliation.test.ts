import t from 'tap';
import type { Timers } from '../../src/contracts/clock.js';
import { RECONCILE_TASKS_MAX } from '../../src/contracts/limits.js';
import { SILENT } from '../../src/contracts/log.js';
import { agentId, jobId, type TaskId, taskIdOf } from '../../src/core/units.js';
import type { TaskRef } from '../../src/daemon/cluster-link.js';
import { Reconciliation } from '../../src/daemon/reconciliation.js';

const someTasks = (count: number): readonly TaskRef[] =>
  Array.from({ length: count }, (_, n) => ({
    taskId: taskIdOf(jobId(n + 1), 1),
    agentId: agentId('a1'),
  }));

/** Timers that run when told; the questions that went out, each as the tasks it names. */
function stage(tasks: readonly TaskRef[]) {
  const asked: (readonly TaskId[])[] = [];
  let due: { afterMs: number; call: () => void }[] = [];
  const timers: Timers = {
    after: (afterMs, call) => {
      const timer = { afterMs, call };
      due.push(timer);
      return { cancel: () => (due = due.filter((one) => one !== timer)) };
    },
    soon: (call) => call(),
  };
  const cluster = {
    reconcile: (named: readonly { readonly taskId: TaskId }[]) =>
      void asked.push(named.map(({ taskId }) => taskId)),
  };
  const reconciliation = new Reconciliation(cluster, { timers, log: SILENT }, () => tasks);
  /** Runs the timer that is due first. */
  const wait = () => {
    const [first] = due.sort((a, b) => a.afterMs - b.afterMs);
    due = due.filter((one) => one !== first);
    first?.call();
  };
  return { reconciliation, asked, wait, isWaiting: () => due.length > 0 };
}

t.test('the next portion follows the last answer to the one before; all comes last', async (t) => {
  const tasks = someTasks(2 * RECONCILE_TASKS_MAX + 1);
  const { reconciliation, asked, wait } = stage(tasks);
  reconciliation.begin();
  for (let at = 0; at < tasks.length; at += RECONCILE_TASKS_MAX) {
    const before = asked.length;
    for (const { taskId } of tasks.slice(at, at + RECONCILE_TASKS_MAX)) {
      if (asked.length !== before) t.fail(`asked again before the answer for ${taskId}`);
      reconciliation.settle(taskId);
    }
    // A short pause comes before the next one.
    t.equal(asked.length, before);
    wait();
  }
  t.same(
    asked.map((named) => named.length),
    [RECONCILE_TASKS_MAX, RECONCILE_TASKS_MAX, 1, 0],
  );
  t.same(
    asked.flat(),
    tasks.map(({ taskId }) => taskId),
  );
});

t.test('silence about one task holds up no other; it is asked about again', async (t) => {
  const tasks = someTasks(RECONCILE_TASKS_MAX + 1);
  const { reconciliation, asked, wait } = stage(tasks);
  reconciliation.begin();
  for (const { taskId } of tasks.slice(1, RECONCILE_TASKS_MAX)) reconciliation.settle(taskId);
  t.equal(asked.length, 1);
  wait();
  t.same(asked.slice(1), [['1-1'], [`${RECONCILE_TASKS_MAX + 1}-1`]]);
  wait();
  t.same(asked.slice(3), [['1-1', `${RECONCILE_TASKS_MAX + 1}-1`], []], 'all is due, too');
});

t.test('without tasks all is asked about at once; after a stop nothing is', async (t) => {
  const none = stage([]);
  none.reconciliation.begin();
  t.same(none.asked, [[]]);
  const { reconciliation, asked, isWaiting } = stage(someTasks(1));
  reconciliation.begin();
  reconciliation.stop();
  reconciliation.settle(taskIdOf(jobId(1), 1));
  t.same([asked.length, isWaiting()], [1, false]);
});
