/** Why no agent could ever run a request, in words, naming the field and the best there is. */
import type { AgentShape } from '../contracts/inventory.js';
import type { Constraint } from '../core/job.js';
import type { Capacity, Needs } from '../core/resources.js';

export interface Impossibility {
  readonly field: string;
  readonly msg: string;
}

/** Empty when at least one agent fits in every respect. With no agents at all, nothing is known. */
export function impossibilities(
  needs: Needs,
  constraints: readonly Constraint[],
  agents: readonly AgentShape[],
): readonly Impossibility[] {
  const checks = checksOf(needs, constraints);
  const isPossible = agents.some((agent) => checks.every((check) => check.fits(agent)));
  if (agents.length === 0 || isPossible) return [];
  const alone = checks.filter((check) => !agents.some(check.fits));
  if (alone.length > 0) return alone.map(({ field, tell }) => ({ field, msg: tell(agents) }));
  return [
    {
      field: 'requirements',
      msg: 'each demand can be met, but no agent meets all of them together',
    },
  ];
}

interface Check {
  readonly field: string;
  readonly fits: (agent: AgentShape) => boolean;
  readonly tell: (agents: readonly AgentShape[]) => string;
}

function checksOf(needs: Needs, constraints: readonly Constraint[]): readonly Check[] {
  const scalar = (
    field: string,
    wanted: number,
    of: (total: Capacity) => number,
    show: (value: number) => string,
  ): Check => ({
    field,
    fits: ({ total }) => of(total) >= wanted,
    tell: (agents) => `largest has ${show(Math.max(...agents.map(({ total }) => of(total))))}`,
  });
  return [
    scalar(
      'requirements.cpu',
      needs.cpuMilli,
      (total) => total.cpuMilli,
      (milli) => `${milli / 1000} cpus`,
    ),
    scalar(
      'requirements.ram',
      needs.memMb,
      (total) => total.memMb,
      (mb) => `${mb / 1000} GB`,
    ),
    scalar(
      'requirements.gpus',
      needs.gpus,
      (total) => total.gpus,
      (gpus) => `${gpus} gpus`,
    ),
    scalar('requirements.ports', needs.ports, portCount, (count) => `${count} ports`),
    ...Object.entries(needs.custom).map(([name, units]) =>
      scalar(
        'requirements.label',
        units,
        (total) => total.custom[name] ?? 0,
        (count) => `${count} of resource ${name}`,
      ),
    ),
    ...constraints.map(({ name, value }) => ({
      field: 'requirements.label',
      fits: ({ attributes }: AgentShape) => attributes[name] === value,
      tell: () => `none has ${name}==${value}`,
    })),
  ];
}

const portCount = ({ ports }: Capacity): number =>
  ports.reduce((sum, { begin, end }) => sum + end - begin + 1, 0);
