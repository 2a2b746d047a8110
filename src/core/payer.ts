/** Whoever quotas are kept for: each job counts for its user, and for its project unless that is everybody's. */
import type { Claimant } from './allowance.js';
import { PROJECT_OF_ALL } from './policy.js';

export interface Payer {
  readonly scope: 'user' | 'project';
  readonly name: string;
  /** Tells users from projects of the same name. */
  readonly key: string;
}

export const payer = (scope: Payer['scope'], name: string): Payer => ({
  scope,
  name,
  key: `${scope} ${name}`,
});

export const payersOf = ({
  user,
  project,
}: Pick<Claimant, 'user' | 'project'>): readonly Payer[] =>
  project === PROJECT_OF_ALL
    ? [payer('user', user)]
    : [payer('user', user), payer('project', project)];
