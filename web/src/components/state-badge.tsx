import type { JobView } from '../../../src/cli/wire.js';
import { outcomeWords } from '../../../src/cli/words.js';

/** State, or the outcome of a job that is over. Never told by colour alone. */
export function StateBadge({ job }: { job: JobView }) {
  return <span class={`badge badge-${toneOf(job)}`}>{badgeWords(job)}</span>;
}

export function badgeWords({ state, outcome }: JobView): string {
  if (outcome === null) return state;
  if (outcome.kind === 'exited') return outcome.exitCode === 0 ? 'done' : outcomeWords(outcome);
  return outcomeWords(outcome);
}

function toneOf({ state, outcome }: JobView): 'wait' | 'live' | 'good' | 'bad' | 'off' {
  if (outcome !== null) {
    if (outcome.kind === 'killed') return 'off';
    return outcome.kind === 'exited' && outcome.exitCode === 0 ? 'good' : 'bad';
  }
  if (state === 'running' || state === 'launching') return 'live';
  return state === 'unreachable' || state === 'killing' ? 'bad' : 'wait';
}
