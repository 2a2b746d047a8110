/** For whom a job counts: those who have quotas, and everybody and everything that has a running limit. */
import type { Claimant } from './allowance.js';
import { PROJECT_OF_ALL } from './policy.js';
import type { UserId } from './units.js';

/** Whoever quotas are kept for. */
export interface Payer {
  readonly scope: 'user' | 'project';
  readonly name: string;
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

/** Everything a job counts for, by key. */
export function countersOf(
  { user, project, queue }: Claimant,
  executor: string | null,
): readonly string[] {
  const keys = payersOf({ user, project }).map(({ key }) => key);
  if (executor !== null) keys.push(`executor ${executor}`);
  if (queue !== null) keys.push(`queue ${queue}`, queueUser(queue, user));
  return keys;
}

export const queueUser = (queue: string, user: UserId): string => JSON.stringify([queue, user]);
