/** Why a job waits, in words: how many agents fail for which reason, and by how much. */
import { unreachable } from '../core/assert.js';
import type { Obstacle, ResourceName } from '../core/obstacle.js';
import type { Instant } from '../core/units.js';
import { describeLimit, isLimit } from './limit-words.js';
import { describeWithheld, isWithheld } from './withheld.js';

type Drained = Extract<Obstacle, { code: 'drained' }>;

const AMOUNT: Readonly<Record<ResourceName, (amount: number) => string>> = {
  cpuMilli: (milli) => `${milli / 1000} cpus`,
  memMb: (mb) => `${mb / 1000} GB of memory`,
  gpus: (count) => `${count} gpus`,
  ports: (count) => `${count} ports`,
};

/** `status.reason` of a waiting job; null when nothing is known against it. */
export function describeWaiting(obstacles: readonly Obstacle[] | undefined): string | null {
  if (obstacles === undefined || obstacles.length === 0) return null;
  const withheld = obstacles.filter(isWithheld);
  if (withheld.length > 0) return withheld.map(describeWithheld).join('. ');
  const [first] = obstacles;
  if (first?.code === 'array-limit') return `Its array is at its limit: ${describe(first)}`;
  const limits = obstacles.filter(isLimit);
  if (limits.length > 0) return `Limit reached: ${limits.map(describeLimit).join('; ')}`;
  return `Not enough resources available: ${obstacles.map(describe).join('; ')}`;
}

const agents = (count: number): string => (count === 1 ? '1 agent' : `${count} agents`);

function describe(obstacle: Obstacle): string {
  switch (obstacle.code) {
    case 'too-small': {
      const show = AMOUNT[obstacle.resource];
      const { wanted, best } = obstacle;
      return `${agents(obstacle.agents)} with less than ${show(wanted)} free (at most ${show(best)})`;
    }
    case 'custom-too-small':
      return `${agents(obstacle.agents)} with less than ${obstacle.wanted} of ${obstacle.name} free (at most ${obstacle.best})`;
    case 'constraint':
      return `${agents(obstacle.agents)} without ${obstacle.name}==${obstacle.value}`;
    case 'reserved':
      return `${agents(obstacle.agents)} reserved for other users or projects`;
    case 'failed-before':
      return `${agents(obstacle.agents)} on which the job has failed before`;
    case 'other-executor':
      return `${agents(obstacle.agents)} not of executor ${obstacle.executor}`;
    case 'array-limit':
      return `${obstacle.running} running, ${obstacle.limit} may at a time`;
    case 'maintenance':
      return `${agents(obstacle.agents)} before a maintenance window that begins at ${time(obstacle.from)}`;
    case 'drained':
      return describeDrain(obstacle);
    case 'set-aside':
      return `${agents(obstacle.agents)} set aside because jobs of several users failed there`;
    case 'reserved-for':
      return `${agents(obstacle.agents)} with room kept for a large job that has waited longer${startOf(obstacle.until)}`;
    case 'dependency':
    case 'turn':
    case 'held-back':
    case 'not-before':
    case 'service-maintenance':
      return describeWithheld(obstacle);
    case 'no-offers':
      return 'no agent has anything free now';
    case 'limit-reached':
    case 'quota':
      return describeLimit(obstacle);
    default:
      return unreachable(obstacle);
  }
}

/** In UTC, to the second. */
const time = (at: Instant): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');

/** When the job for which room is kept starts. */
const startOf = (until: Instant | null): string =>
  until === null ? '' : ` and starts by ${time(until)}`;

function describeDrain({ agents: count, from, until, reason, by }: Drained): string {
  const end = until === null ? '' : ` until ${time(until)}`;
  const whose = by === undefined ? '' : ` by ${by}`;
  return `${agents(count)} drained${whose} from ${time(from)} on${end} (${reason})`;
}
