/** The core's obstacles in words, with the field of the request that each is about. */
import { unreachable } from '../core/assert.js';
import type { Obstacle, ResourceName } from '../core/obstacle.js';

export interface Impossibility {
  readonly field: string;
  readonly msg: string;
}

const RESOURCES: Readonly<
  Record<ResourceName, { readonly field: string; readonly show: (amount: number) => string }>
> = {
  cpuMilli: { field: 'requirements.cpu', show: (milli) => `${milli / 1000} cpus` },
  memMb: { field: 'requirements.ram', show: (mb) => `${mb / 1000} GB` },
  gpus: { field: 'requirements.gpus', show: (count) => `${count} gpus` },
  ports: { field: 'requirements.ports', show: (count) => `${count} ports` },
};

/** Undefined when the obstacles say nothing against the request. */
export function describeImpossible(obstacles: readonly Obstacle[]): Impossibility | undefined {
  const told = obstacles.map(describe).filter((one) => one !== undefined);
  const [first] = told;
  if (first === undefined) return undefined;
  const all = told.map(({ msg }) => msg).join('; ');
  return { field: first.field, msg: `no agent could ever run this: ${all}` };
}

function describe(obstacle: Obstacle): Impossibility | undefined {
  const label = 'requirements.label';
  switch (obstacle.code) {
    case 'too-small': {
      const { field, show } = RESOURCES[obstacle.resource];
      return { field, msg: `largest has ${show(obstacle.best)}` };
    }
    case 'custom-too-small':
      return { field: label, msg: `largest has ${obstacle.best} of resource ${obstacle.name}` };
    case 'constraint':
      return { field: label, msg: `none with ${obstacle.name}==${obstacle.value} has room` };
    case 'reserved':
      return {
        field: 'user.project',
        msg: `${obstacle.agents} reserved for other users or projects`,
      };
    case 'other-executor':
      return { field: 'requirements.executor', msg: `none belongs to ${obstacle.executor}` };
    case 'failed-before':
    case 'array-limit':
    case 'maintenance':
    case 'limit-reached':
    case 'quota':
    case 'drained':
    case 'set-aside':
    case 'reserved-for':
    case 'dependency':
    case 'turn':
    case 'held-back':
    case 'not-before':
    case 'service-maintenance':
    case 'no-offers':
      return undefined;
    default:
      return unreachable(obstacle);
  }
}
