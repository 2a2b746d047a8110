import t from 'tap';
import { taskId } from '../../src/core/units.js';
import { toldTask } from '../../src/mesos/tasks.js';

const asked = { frameworkId: 'f-1', taskId: taskId('7-2') };

/** As Mesos 1.12.0 tells a task, without the fields that nobody reads here. */
const task = (part: object = {}) => ({
  id: '7-2',
  framework_id: 'f-1',
  state: 'TASK_RUNNING',
  labels: [{ key: 'app', value: 'x' }, { key: 'flag' }],
  ...part,
});

t.test('a task of ours tells its labels', async (t) => {
  t.same(toldTask({ tasks: [task()] }, asked), { labels: { app: 'x', flag: '' } });
  t.same(toldTask({ tasks: [task({ labels: undefined })] }, asked), { labels: {} });
});

t.test('neither another framework’s task of that id nor another task is it', async (t) => {
  const others = [task({ framework_id: 'f-2' }), task({ id: '7-1' })];
  t.equal(toldTask({ tasks: others }, asked), null);
  t.same(
    toldTask({ tasks: [...others, task()] }, asked)?.labels.app,
    'x',
    'old masters tell them all',
  );
});

t.test('a page that is none tells nothing', async (t) => {
  for (const page of [null, 7, {}, { tasks: {} }, { tasks: [null, 'x', {}] }])
    t.equal(toldTask(page, asked), null);
});
