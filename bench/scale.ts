/** `first-order-1m` and `memory-per-job`: measured in processes of their own. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { duration, type Figure, median } from './figure.js';

const JOBS = 1_000_000;
const ROUNDS = 3;
const FIRST_ORDER_POLICIES = ['fairshare', 'fifo', 'fairtree', 'drf'] as const;

/** What a module of this folder prints. */
function ask(
  name: string,
  flags: readonly string[] = [],
  words: readonly string[] = [],
): Readonly<Record<string, number>> {
  const path = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const args = [...flags, path, String(JOBS), ...words];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name} failed: ${stderr}`);
  return JSON.parse(stdout) as Record<string, number>;
}

/**
 * From a filled queue to the first plan, in a process that made none before: the accounts are stood in line, their order
 * yields as many jobs as are launched. Then the order of all million jobs, under each policy; its floor pops a million numbers
 * off a plain heap.
 */
export function firstOrder1m(): Figure[] {
  const figures = FIRST_ORDER_POLICIES.map((policy) => {
    const rounds = Array.from({ length: ROUNDS }, () => ask('first-order', [], [policy]));
    const of = (name: string): number => median(rounds.map((round) => round[name] ?? Number.NaN));
    const ms = (name: string): string => `${Math.round(of(name))} ms`;
    console.error(
      `first-order-1m ${policy}: ${of('launches')} launches; processor time ${ms('planProcessorMs')}; of the order of all ${ms('orderProcessorMs')}, of its floor ${ms('orderFloorProcessorMs')}`,
    );
    return [
      duration(`first-order-1m ${policy}`, of('planMs'), of('floorMs')),
      duration(`first-order-1m ${policy} of all`, of('orderMs'), of('orderFloorMs')),
    ];
  });
  return figures.flat();
}

/** Bytes of heap and buffers that a waiting job takes in the scheduler; floor: its id alone. */
export function memoryPerJob(): Figure {
  const { bytes, laterBytes, floorBytes } = ask('job-memory', ['--expose-gc']);
  if (bytes === undefined || laterBytes === undefined || floorBytes === undefined)
    throw new Error('job-memory answers otherwise');
  const value = Math.round(Math.max(bytes, laterBytes));
  console.error(
    `memory-per-job: ${Math.round(bytes)} bytes when filled, ${Math.round(laterBytes)} after half of the jobs have changed`,
  );
  return {
    name: 'memory-per-job',
    value,
    unit: 'bytes',
    floor: floorBytes,
    ratio: Math.round((floorBytes / value) * 100) / 100,
  };
}
