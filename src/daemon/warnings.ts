/** What an administrator should know though all goes on: no reason to send work elsewhere. */
import { CLOSED_STATES, type ClosedAgent, type ClosedState } from '../core/closure.js';

/** So many agents are named; of more only the number is told. */
const NAMED_MAX = 5;

const WORDS: Readonly<Record<ClosedState, string>> = {
  'drain-planned': 'will be drained',
  draining: 'drained, jobs still run there',
  drained: 'drained',
  'set-aside': 'set aside, because jobs of several users failed there',
  probation: 'set aside, and tried with one job at a time',
};

/** One sentence for each state that agents are in, in the order of `CLOSED_STATES`. */
export function agentWarnings(closed: readonly ClosedAgent[]): readonly string[] {
  return CLOSED_STATES.flatMap((state) => {
    const hosts = closed.filter((agent) => agent.state === state).map(({ host }) => host);
    if (hosts.length === 0) return [];
    const named = [...hosts].sort().slice(0, NAMED_MAX).join(', ');
    const more = hosts.length > NAMED_MAX ? ' and others' : '';
    const count = hosts.length === 1 ? '1 node is' : `${hosts.length} nodes are`;
    return [`${count} ${WORDS[state]}: ${named}${more}`];
  });
}

/** How many agents are in each state. */
export const countsOf = (closed: readonly ClosedAgent[]): Readonly<Record<ClosedState, number>> => {
  const count = (state: ClosedState) => closed.filter((agent) => agent.state === state).length;
  return {
    'drain-planned': count('drain-planned'),
    draining: count('draining'),
    drained: count('drained'),
    'set-aside': count('set-aside'),
    probation: count('probation'),
  };
};
