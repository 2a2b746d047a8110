/** What a master tells of one task of ours: real ones keep the labels of a task on their page, not in its updates. */
import type { ToldTask } from '../contracts/cluster.js';
import type { TaskId } from '../core/units.js';
import { isFields, type PageQuestion, pages } from './page.js';

export interface TaskQuestion extends PageQuestion {
  /** Ours: other frameworks may use the same ids. */
  readonly frameworkId: string;
  readonly taskId: TaskId;
}

/** Null when no master tells of it. Never throws for what a master says. */
export async function askTask(asked: TaskQuestion): Promise<ToldTask | null> {
  const { frameworkId, taskId } = asked;
  const query = new URLSearchParams({ framework_id: frameworkId, task_id: taskId });
  for await (const told of pages(`/tasks?${query}`, asked)) {
    const task = toldTask(told, asked);
    if (task !== null) return task;
  }
  return null;
}

/** The task on a page of tasks; null when it is not there, or the page is none. Old masters do not heed the query. */
export function toldTask(
  told: unknown,
  { frameworkId, taskId }: Pick<TaskQuestion, 'frameworkId' | 'taskId'>,
): ToldTask | null {
  if (!isFields(told) || !Array.isArray(told.tasks)) return null;
  for (const task of told.tasks) {
    if (!isFields(task) || task.id !== taskId || task.framework_id !== frameworkId) continue;
    const labels: Record<string, string> = {};
    for (const label of Array.isArray(task.labels) ? task.labels : [])
      if (isFields(label) && typeof label.key === 'string')
        labels[label.key] = typeof label.value === 'string' ? label.value : '';
    return { labels };
  }
  return null;
}
