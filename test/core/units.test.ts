import t from 'tap';
import { jobId, parseTaskId, taskIdOf } from '../../src/core/units.js';

t.test('a task id tells its job and launch', async (t) => {
  t.same(parseTaskId(taskIdOf(jobId(12), 3)), { jobId: 12, launch: 3 });
});

t.test('ids of other frameworks are not ours', async (t) => {
  for (const foreign of ['', '12', '12-', '-1', '0-1', '1-0', '012-1', 'a-1', '1-1-1', '1-01'])
    t.equal(parseTaskId(foreign), undefined, foreign);
});
