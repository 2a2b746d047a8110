/** How closures of agents stand in the store: one setting for each, so that no two writers meet. */

import type { AgentName } from '../core/closure.js';
import { agentKey, type Closure } from '../core/closure.js';

export const CLOSURE_PREFIX = 'agent.';

/** The name of the setting that holds an agent's closure of this kind. */
export const closureSetting = (kind: Closure['kind'], agent: AgentName): string =>
  `${CLOSURE_PREFIX}${kind}.${agentKey(agent)}`;

/** Settings by name, as closures. What cannot be read, of another version perhaps, is left out and told. */
export function readClosures(
  settings: ReadonlyMap<string, string>,
  unreadable: (name: string) => void = () => {},
): readonly Closure[] {
  const found: Closure[] = [];
  for (const [name, text] of settings) {
    const closure = readClosure(text);
    if (closure === undefined) unreadable(name);
    else found.push(closure);
  }
  return found;
}

function readClosure(text: string): Closure | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  const closure = read as Partial<Record<string, unknown>> | null;
  const isNamed =
    typeof closure?.executor === 'string' &&
    typeof closure.host === 'string' &&
    typeof closure.at === 'number';
  if (!isNamed) return undefined;
  const { kind, from, until, reason, by, probeFrom, strikes, evidence } = closure;
  const isDrain =
    kind === 'drained' &&
    typeof from === 'number' &&
    (until === null || typeof until === 'number') &&
    typeof reason === 'string' &&
    typeof by === 'string';
  const isSetAside =
    kind === 'set-aside' &&
    typeof probeFrom === 'number' &&
    typeof strikes === 'number' &&
    Array.isArray(evidence);
  return isDrain || isSetAside ? (read as Closure) : undefined;
}
