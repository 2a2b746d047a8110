/** One agent of the local node: a share of this machine, or an imagined one. */
import type { AgentShape } from '../core/obstacle.js';
import type { Attribute, Unavailability, URL } from '../mesos/messages.js';
import { type Amount, scalarOf } from './amounts.js';
import type { Offer } from './offers.js';
import type { Task } from './task.js';

export interface Agent {
  readonly id: string;
  readonly hostname: string;
  readonly ip: string;
  readonly port: number;
  readonly url: URL;
  readonly attributes: readonly Attribute[];
  readonly registeredAt: number;
  readonly total: Amount;
  /**
   * Away: unreachable, its tasks go on unseen. Gone: given up for good. Rebooting: here again, under its id, when what ran has
   * ended. Replaced: its machine is back as an agent with another id. All these only at the word of a test, or after: Down: an
   * operator has taken its machine down for maintenance.
   */
  condition: 'here' | 'away' | 'gone' | 'rebooting' | 'replaced' | 'down';
  /** Its window in the maintenance schedule. */
  unavailability: Unavailability | null;
  /** Neither offered nor used. */
  free: Amount;
  readonly offers: Set<Offer>;
  /** Tasks that hold resources, by framework and task id. */
  readonly tasks: Set<Task>;
}

/** Reads `rack:r1;zone:z1;num:1` as agents do: numbers become scalars, the rest text. */
export function parseAttributes(text: string): Attribute[] {
  return text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const colon = part.indexOf(':');
      if (colon <= 0) throw new Error(`attribute "${part}" must have the form name:value`);
      const name = part.slice(0, colon).trim();
      const value = part.slice(colon + 1).trim();
      return /^-?\d+(\.\d+)?$/.test(value)
        ? { name, type: 'SCALAR' as const, scalar: { value: Number(value) } }
        : { name, type: 'TEXT' as const, text: { value } };
    });
}

/** The agent as those see it who judge whether a request could ever run. */
export function agentShape({ total, attributes, hostname }: Agent): AgentShape {
  const known = attributes.map(({ name, scalar, text }) => [
    name,
    text?.value ?? String(scalar?.value ?? ''),
  ]);
  return {
    total: {
      cpuMilli: scalarOf(total, 'cpus'),
      memMb: Math.floor(scalarOf(total, 'mem') / 1_000),
      gpus: Math.floor(scalarOf(total, 'gpus') / 1_000),
      ports: total.ranges.ports ?? [],
      custom: {},
    },
    attributes: Object.fromEntries(known),
    host: hostname,
    count: 1,
  };
}
