/** What a master checks before a task goes to its agent. The texts are a real master's. */
import type { TaskInfo } from '../mesos/messages.js';
import type { Agent } from './agent.js';
import { type Amount, covers, fromWire, isEmpty, plus, toText } from './amounts.js';
import type { Framework } from './framework.js';
import type { Offer } from './offers.js';

/** What is wrong with the offers of an ACCEPT, or null; a faulty one spoils them all. */
export function offersProblem(
  offerIds: readonly string[],
  found: ReadonlyMap<string, Offer>,
  framework: Framework,
): string | null {
  if (offerIds.length === 0) return 'No offers specified';
  const seen = new Set<string>();
  let first: Offer | undefined;
  for (const id of offerIds) {
    if (seen.has(id)) return `Duplicate offer ${id} in offer list`;
    seen.add(id);
    const offer = found.get(id);
    if (offer === undefined) return `Offer ${id} is no longer valid`;
    if (offer.framework !== framework) {
      return `Offer ${id} has invalid framework ${offer.framework.id} while framework ${framework.id} is expected`;
    }
    first ??= offer;
    if (offer.agent !== first.agent) {
      return `Aggregated offers must belong to one single agent. Offer ${id} uses agent ${offer.agent.id} and agent ${first.agent.id}`;
    }
    if (offer.role !== first.role) {
      return `Aggregated offers must be allocated to the same role. Offer ${id} uses role ${offer.role} but another is using role ${first.role}`;
    }
  }
  return null;
}

/** What is wrong with one task, or null. `free` is what its offers still hold. */
export function taskProblem(
  task: TaskInfo,
  {
    framework,
    agent,
    role,
    free,
  }: { framework: Framework; agent: Agent; role: string; free: Amount },
): string | null {
  const id = task.task_id.value;
  const badId = idProblem(id);
  if (badId !== null) return badId;
  if (framework.tasks.has(id)) return `Task has duplicate ID: ${id}`;
  if (task.agent_id.value !== agent.id) {
    return `Task uses invalid agent ${task.agent_id.value} while agent ${agent.id} is expected`;
  }
  if ((task.command === undefined) === (task.executor === undefined)) {
    return 'Task should have at least one (but not both) of CommandInfo or ExecutorInfo present';
  }
  const wanted = fromWire(task.resources);
  if (isEmpty(wanted)) return 'Task uses no resources';
  const total = plus(wanted, fromWire(task.executor?.resources));
  if (covers(free, total)) return null;
  const names = (task.resources ?? []).map(({ name }) => name);
  const text = toText(total, role, [...new Set(names)]);
  return `Total resources ${text} required by task and its executor is more than available ${toText(free, role)}`;
}

function idProblem(id: string): string | null {
  if (id === '') return 'ID must not be empty';
  if (id.length > 255) return 'ID must not be greater than 255 characters';
  if (id === '.' || id === '..') return `'${id}' is disallowed`;
  // Ids become names of directories.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f/\\]/.test(id)) return `'${id}' contains invalid characters`;
  return null;
}
