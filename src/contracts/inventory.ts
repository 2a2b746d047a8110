/** The distinct kinds of agents there are, as the leader publishes them for everybody who must judge a request. */
import type { Capacity } from '../core/resources.js';

export interface AgentShape {
  readonly total: Capacity;
  readonly attributes: Readonly<Record<string, string>>;
  /** How many agents are like this. */
  readonly count: number;
}
