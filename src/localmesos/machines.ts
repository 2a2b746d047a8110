/** What operators name in maintenance: machines by host name, address, or both; and the lists of them that requests carry. */
import type { Agent } from './agent.js';

/** What an operator sent makes no sense, or not now. The text is fit for an answer. */
export class BadSchedule extends Error {
  override readonly name = 'BadSchedule';
}

/** By host name, by address, or both. */
export interface MachineId {
  readonly hostname?: string;
  readonly ip?: string;
}

type Fields = Readonly<Record<string, unknown>>;
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isMachine = (agent: Agent, { hostname, ip }: MachineId): boolean =>
  (hostname === undefined || hostname.toLowerCase() === agent.hostname.toLowerCase()) &&
  (ip === undefined || ip === agent.ip);

/** One text for each machine, as it was named. */
export const machineKey = ({ hostname, ip }: MachineId): string =>
  JSON.stringify([hostname?.toLowerCase() ?? '', ip ?? '']);

/** @throws BadSchedule */
export function readMachine(machine: unknown): MachineId {
  const { hostname, ip } = isFields(machine) ? machine : {};
  const isNamed = typeof hostname === 'string' || typeof ip === 'string';
  if (!isNamed) throw new BadSchedule("Expecting 'hostname' or 'ip' of each machine");
  return {
    ...(typeof hostname === 'string' ? { hostname } : {}),
    ...(typeof ip === 'string' ? { ip } : {}),
  };
}

/** The body of `/machine/down` and `/machine/up`. @throws BadSchedule */
export function readMachines(body: unknown): readonly MachineId[] {
  if (!Array.isArray(body)) throw new BadSchedule('Expecting a JSON list of machines');
  if (body.length === 0) throw new BadSchedule('List of machines is empty');
  return body.map(readMachine);
}

export const shown = ({ hostname, ip }: MachineId): string =>
  [hostname, ip].filter((part) => part !== undefined).join(' / ');
